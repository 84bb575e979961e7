"""The demo from the first scene to the last, and its figures."""

from ops.demo.permits import a_new_request, the_account, the_renewal
from ops.demo.reminder import a_reminder
from ops.demo.sharing import a_change_of_vehicle, consent_allowed, consent_withdrawn, one_provider_down
from ops.demo.stage import Stage
from ops.demo.upstream import malformed_jobs, the_same_job_twice


def play(stage: Stage) -> dict[str, object]:
    """Play all scenes; return the figures as one JSON object.

    Raises:
        ops.demo.stage.UnexpectedError: something was not as promised.
        permit_hub_client.HubError: the hub could not be reached, or did not answer.
    """
    cards = the_account(stage)
    a_new_request(stage)
    the_renewal(stage)
    consent_allowed(stage)
    a_change_of_vehicle(stage)
    withdrawal_ms = consent_withdrawn(stage)
    held_after_withdrawal = sum(len(plates) for plates in stage.plates_in_apps().values())
    the_same_job_twice(stage)
    malformed_jobs(stage)
    converged_after_outage_s = one_provider_down(stage)
    reminded_after_s = a_reminder(stage)
    slowest = max(withdrawal_ms, key=lambda provider: withdrawal_ms[provider])
    stage.tell.figures(
        "Figures",
        [
            ("from sending a job to the change on the resident's screen (median)", f"{stage.visible_ms():.1f} ms"),
            ("from withdrawing consent until all four had confirmed", f"{withdrawal_ms[slowest]:.1f} ms"),
            ("permits held by the apps after that", str(held_after_withdrawal)),
            ("from a provider's return until it had caught up", f"{converged_after_outage_s:.1f} s"),
            ("from the import of a permit to its reminder in the mailbox", f"{reminded_after_s:.1f} s"),
        ],
    )
    return {
        "cards": [card.model_dump(mode="json") for card in cards],
        "jobs": [sent.document() for sent in stage.sent],
        "visible_ms": stage.visible_ms(),
        "withdrawal_ms": withdrawal_ms,
        "held_after_withdrawal": held_after_withdrawal,
        "converged_after_outage_s": converged_after_outage_s,
        "reminded_after_s": reminded_after_s,
    }
