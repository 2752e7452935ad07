"""Put and get with the package that is installed: the smallest proof that a wheel works."""

import os
import sys
import tempfile

source_trees = [path for path in sys.path if os.path.exists(os.path.join(path or ".", "setup.py"))]
sys.path[:] = [path for path in sys.path if path not in source_trees]

import velocity  # noqa: E402  (never the source tree, so the path comes first)

with tempfile.TemporaryDirectory() as directory:
    with velocity.open(directory) as db:
        db.create_collection("users").put("user1", {"name": "John Doe", "age": 30})
    with velocity.open(directory) as db:
        assert db["users"]["user1"]["age"] == 30
    assert velocity.verify(directory).ok
assert os.path.exists(os.path.join(os.path.dirname(velocity.__file__), "py.typed"))
print(f"velocity {velocity.__version__} from {os.path.dirname(velocity.__file__)} works")
