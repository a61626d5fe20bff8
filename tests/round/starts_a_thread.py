"""A library that no template may import: a fork would have its locks, and not the thread that opens them."""

import threading
import time

threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
