"""A library that looks up, when it is imported, where temporary files go."""

import tempfile

tempfile.gettempdir()
