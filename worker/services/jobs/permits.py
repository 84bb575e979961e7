"""Jobs about one permit, handed to the rules of a permit's life."""

from schemas import jobs
from schemas.receipts import RefusalCode
from worker.db.jobs import agent_decisions, payments
from worker.domain import life, plates
from worker.domain.permit import Address
from worker.domain.refusal import JobRefusedError
from worker.services.unit_of_work import UnitOfWork


def request(job: jobs.RequestPermit, unit: UnitOfWork) -> None:
    """Request a permit."""
    life.check_room(unit.permits.values(), unit.today, unit.hub.tariffs)
    change = life.request(
        permit_id=job.permit_id,
        resident_id=job.resident_id,
        plate=plates.parse(job.plate.raw, job.plate.country),
        profile=job.profile,
        years=job.years,
        address=_address(job.address),
        zones=job.zones,
        verified=job.verified,
        today=unit.today,
        tariffs=unit.hub.tariffs,
    )
    unit.add(change)


def decide(job: jobs.DecidePermit, unit: UnitOfWork) -> None:
    """Approve or reject a request or a change under review."""
    permit = unit.permit(job.permit_id)
    if job.decision is jobs.Decision.APPROVE:
        unit.change(life.approve(permit, unit.today, unit.hub.tariffs, job.debt_id))
    else:
        unit.change(life.reject(permit, job.reason, job.debt_id))
    unit.write(
        agent_decisions.append(
            job_id=job.job_id,
            permit_id=job.permit_id,
            decision=job.decision.value,
            decided_by=job.decided_by,
            source=job.source,
        )
    )


def confirm_payment(job: jobs.ConfirmPayment, unit: UnitOfWork) -> None:
    """Apply the change that waited for a payment; a payment reference counts once for all permits."""
    permit = unit.permit(job.permit_id)
    if not payments.insert(unit.db, job.payment_reference, job.permit_id, job.amount_cents):
        raise JobRefusedError(RefusalCode.PAYMENT_ALREADY_CONFIRMED, "payment_reference")
    unit.change(life.confirm_payment(permit, job.amount_cents, unit.today, job.debt_id))


def renew(job: jobs.RenewPermit, unit: UnitOfWork) -> None:
    """Request a further term."""
    permit = unit.permit(job.permit_id)
    if not permit.counts_on(unit.today):  # it lapsed, so it would be one more
        life.check_room(unit.permits.values(), unit.today, unit.hub.tariffs)
    unit.change(life.renew(permit, job.years, unit.today, unit.hub.tariffs))


def change_vehicle(job: jobs.ChangeVehicle, unit: UnitOfWork) -> None:
    """Move a permit to another vehicle."""
    plate = plates.parse(job.plate.raw, job.plate.country)
    permit = unit.permit(job.permit_id)
    unit.change(life.change_vehicle(permit, plate, job.verified.vehicle, unit.today, unit.hub.tariffs))


def change_address(job: jobs.ChangeAddress, unit: UnitOfWork) -> None:
    """Move a permit to the resident's new address."""
    permit, address = unit.permit(job.permit_id), _address(job.address)
    residence = job.verified.residence
    unit.change(life.change_address(permit, address, job.zones, residence, unit.today, unit.hub.tariffs))


def cancel(job: jobs.CancelPermit, unit: UnitOfWork) -> None:
    """Cancel a request or change that is under review or unpaid."""
    unit.change(life.cancel(unit.permit(job.permit_id)))


def _address(address: jobs.Address) -> Address:
    return Address(address.ban_id, address.label)
