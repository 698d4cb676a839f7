"""The same program, once for each framework.

Every module serves these endpoints on ``127.0.0.1`` at the port given as its only argument:

=============================  ======================================================================
``GET /hello``                 13 bytes of plain text
``GET /json``                  a small object through the framework's own JSON response
``GET /param/<id>``            an integer from the path, as text
``POST /count``                streams the request body and answers with its length
``GET /down?size=``            that many bytes, in pieces of 64 KiB, each send awaited
``GET /pieces?n=``             that many pieces of 64 bytes, each send awaited
``GET /paused?n=&pause=``      as above, sleeping before each; a piece carries the time of its making
``POST /stall-up``             reads one piece of the body, then sleeps
``GET /endless``               pieces of 64 KiB for ever, each send awaited
``GET /wait/<id>``             sleeps; on the way out notes the time under the id
``GET /ended``                 those times, as JSON
=============================  ======================================================================
"""
