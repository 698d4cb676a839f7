"""The example that takes uploads, which tells here how many tasks it has; run as a program by test_forms."""

import os

import trio

from examples.uploads import app
from triosanic import HTTPResponse, Request, json


def count(task: trio.lowlevel.Task) -> int:
    """Count a task and all below it."""
    return 1 + sum(count(child) for nursery in task.child_nurseries for child in nursery.child_tasks)


@app.get("/tasks")
async def tasks(request: Request) -> HTTPResponse:
    root = trio.lowlevel.current_root_task()
    assert root is not None
    return json(count(root))


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["PORT"]))
