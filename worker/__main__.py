"""`python -m worker`: the worker process, set up by the environment alone."""

from worker.process import main

if __name__ == "__main__":
    main()
