"""The signals of the process that starts a stack, independent of those that its parent ignored or blocked."""

import os
import signal
from types import FrameType

# A script's `command &` starts with SIGINT and SIGQUIT ignored. With SIGCHLD ignored, exit codes are lost.
RESET = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2)
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def begin_afresh() -> None:
    """Undo ignored and blocked signals and closed standard streams: children would inherit them.

    SIGHUP stays ignored if it was, as under `nohup`.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in RESET:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)


def end_when_asked() -> None:
    """Raise KeyboardInterrupt at the first signal that asks the process to end; ignore later ones.

    SIGHUP stays ignored if it was. The handlers are functions, never SIG_IGN, so that children get the system's
    default.
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
