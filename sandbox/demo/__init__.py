"""The year that `python -m sandbox demo` plays: who is in it, what happens, and what it has to come to."""
