"""Jobs about one permit: what upstream sends, handed to the rules of a permit's life."""

from schemas import jobs
from schemas.receipts import RefusalCode
from worker.db.jobs import payments
from worker.domain import life, plates
from worker.domain.permit import Address
from worker.domain.refusal import RefusedError
from worker.services.unit_of_work import Work


def request(job: jobs.RequestPermit, work: Work) -> None:
    """Ask for a permit."""
    change = life.request(
        permit_id=job.permit_id,
        resident_id=job.resident_id,
        plate=plates.parse(job.plate.raw, job.plate.country),
        profile=job.profile,
        years=job.years,
        address=_address(job.address),
        zones=job.zones,
        verified=job.verified,
        today=work.today,
        tariffs=work.hub.tariffs,
    )
    work.add(change)


def decide(job: jobs.DecidePermit, work: Work) -> None:
    """Approve or reject a permit under review."""
    permit = work.permit(job.permit_id)
    if job.decision is jobs.Decision.APPROVE:
        work.change(life.approve(permit, work.today, work.hub.tariffs))
    else:
        work.change(life.reject(permit, job.reason))


def confirm_payment(job: jobs.ConfirmPayment, work: Work) -> None:
    """Apply what waited for a payment; its reference counts once, whatever it was for."""
    permit = work.permit(job.permit_id)
    if not payments.insert(work.db, job.payment_reference, job.permit_id, job.amount_cents):
        raise RefusedError(RefusalCode.PAYMENT_ALREADY_CONFIRMED, "payment_reference")
    work.change(life.confirm_payment(permit, job.amount_cents, work.today, job.debt_id))


def renew(job: jobs.RenewPermit, work: Work) -> None:
    """Ask for a further term."""
    work.change(life.renew(work.permit(job.permit_id), job.years, work.today, work.hub.tariffs))


def change_vehicle(job: jobs.ChangeVehicle, work: Work) -> None:
    """Move a permit to another vehicle."""
    plate = plates.parse(job.plate.raw, job.plate.country)
    work.change(life.change_vehicle(work.permit(job.permit_id), plate, work.today, work.hub.tariffs))


def change_address(job: jobs.ChangeAddress, work: Work) -> None:
    """Move a permit to the resident's new address."""
    permit, address = work.permit(job.permit_id), _address(job.address)
    work.change(life.change_address(permit, address, job.zones, work.today, work.hub.tariffs))


def cancel(job: jobs.CancelPermit, work: Work) -> None:
    """Cancel what is not paid yet."""
    work.change(life.cancel(work.permit(job.permit_id)))


def _address(address: jobs.Address) -> Address:
    return Address(address.ban_id, address.label)
