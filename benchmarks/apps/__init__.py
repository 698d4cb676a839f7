"""The same program, once for each framework.

Every module serves these endpoints on ``127.0.0.1`` at the port given as its only argument:

=============================  ======================================================================
``GET /hello``                 13 bytes of plain text
``GET /json``                  a small object through the framework's own JSON response
``GET /param/<id>``            an integer from the path, as text
``GET /page/<id>``             in the middle of a middleware each way, of this path alone: the id and a
                               cookie as JSON; the answer has a header of the middleware
``GET /files/<name>``          a file of the folder that `benchmarks.files` writes, large ones streamed
``POST /count``                streams the request body and answers with its length
``GET /down?size=``            that many bytes, in pieces of 64 KiB, each send awaited
``GET /pieces?n=``             that many pieces of 64 bytes, each send awaited
``GET /paused?n=&pause=``      as above, sleeping before each; a piece carries the time of its making
``POST /stall-up``             reads one piece of the body, then sleeps
``GET /endless``               pieces of 64 KiB for ever, each send awaited
``GET /wait/<id>``             sleeps; on the way out notes the time under the id
``GET /ended``                 those times, as JSON
``/ws/echo``                   a WebSocket on which each message comes back
``/ws/count``                  counts messages; at ``END`` sends their number
``/ws/messages?n=``            that many messages, each send awaited
``/ws/room``                   each message goes to all who are here
=============================  ======================================================================
"""
