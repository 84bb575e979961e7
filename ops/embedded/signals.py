"""How the process that starts a stack takes signals, independent of what its parent left it."""

import os
import signal
from types import FrameType

# A script's `command &` begins with SIGINT and SIGQUIT ignored. With SIGCHLD ignored, no child's exit code is known.
RESET = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2)
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def begin_afresh() -> None:
    """Take back ignored and blocked signals and closed standard streams, all of which children would inherit.

    SIGHUP stays ignored where it is: `nohup` asks for that.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in RESET:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)


def end_when_asked() -> None:
    """Raise KeyboardInterrupt at the first signal that asks the process to end; let later ones pass.

    A hangup does not count if it was ignored. The handlers are functions, never SIG_IGN, so that children get the
    system's default.
    """
    begin_afresh()
    under_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    for number in ENDING:
        signal.signal(number, _pass if under_nohup and number == signal.SIGHUP else _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    for number in ENDING:
        signal.signal(number, _pass)
    raise KeyboardInterrupt


def _pass(_number: int, _frame: FrameType | None) -> None:
    pass
