"""``python -m echomine``."""

from echomine.cli import main

if __name__ == "__main__":
    main()
