"""The command pymetrics. One module per verb, each with a function that adds it to the command line.

Exit codes: 0 all went well; 1 the evaluation failed, because of what the files hold, or the output cannot be written;
2 the command line is wrong, or names a path where nothing can be read, or an environment variable is wrong;
3 a detector does not reach what --min or --baseline demands, or check has found errors; 130 Ctrl-C; 141 the process
that reads the output has closed the pipe.
Tables go to stdout, everything else to stderr.
"""

from .command import main

__all__ = ["main"]
