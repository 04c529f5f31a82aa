"""Where the benches keep what they made, so that it is made once."""

import os
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "handrail" / "bench"
