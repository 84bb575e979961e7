"""`permit-hub submit FILE`: send jobs from a file, one after the other, and print the receipts."""

from typing import Annotated, BinaryIO

import typer
from permit_hub_client import Hub, HubFailed, InvalidJob, Receipt, ReceiptTimeout

from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, hub_client, reach
from ops.job_files import JobRead, UnreadableError, read_jobs
from ops.shown import receipts
from ops.shown.terminal import complain, print_json, results
from worker.settings import settings


def submit(
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(
            metavar="FILE",
            help="A job (its kind, and its fields), a list of jobs, or a job a line; - reads standard input.",
        ),
    ],
    data: RunningOn = None,
    as_json: AsJson = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for each receipt.")] = 30.0,
) -> None:
    """Send jobs in the order of the file, each after the receipt of the one before, and print the receipts.

    job_id, submitted_at and source are filled in unless given; with a job_id of its own a job can be sent again.
    What cannot be read as a job is named, and the others are sent. Exit code 1 if any job, or any row of an import,
    was not applied; 2 if the file holds no job at all.
    """
    jobs = _read(file)
    reach(data)
    configured, console = settings(), results()
    applied = True
    documents: list[dict[str, object]] = []
    with asking(), hub_client(configured) as hub:
        for job in jobs:
            try:
                receipt = _send(hub, job, wait)
            except UnreadableError as error:
                applied = False
                complain(_sentence(str(error)))
                documents.append({"outcome": "not_sent", "error": str(error)})
                continue
            except (InvalidJob, ReceiptTimeout, HubFailed) as error:
                applied = False
                assert isinstance(job, JobRead)
                complain(_sentence(f"{job.place}: {error}"))
                documents.append({"outcome": "unknown" if error.job else "not_sent", "error": str(error)})
                continue
            applied = applied and receipts.fully_applied(receipt)
            documents.append(receipts.document(receipt))
            if not as_json:
                console.print(receipts.line(receipt), soft_wrap=True)
    if as_json:
        print_json({"receipts": documents})
    if not applied:
        raise typer.Exit(1)


def _read(file: BinaryIO) -> list[JobRead | UnreadableError]:
    try:
        jobs = read_jobs(file.read())
    except UnreadableError as error:
        jobs = [error]
    if not any(isinstance(job, JobRead) for job in jobs):
        for unreadable in jobs:
            complain(f"{file.name}: {unreadable}")
        raise typer.Exit(2)
    return jobs


def _send(hub: Hub, job: JobRead | UnreadableError, wait: float) -> Receipt:
    if isinstance(job, UnreadableError):
        raise job
    fields = {name: value for name, value in job.fields.items() if name != "kind"}
    return hub.submit(hub.job(job.fields["kind"], **fields), wait=wait)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
