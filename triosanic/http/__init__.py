"""HTTP/1.1 on a wire: connections, exchanges, and what may pass. Knows no app, request or router."""
