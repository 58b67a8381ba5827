"""What can be seen of a running process: figures (`metrics`), what a log line is about (`context`), and traces.

No figure and no span ever holds an amount of anybody's, a name, a mail address, a card or a key: docs/observability.md.
"""
