"""The texts for the hub's codes: French here, English in the catalogue."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from permit_hub_client import Doubt, ProviderState, Review

from personal_space.language import N_, day, gettext, just_now
from personal_space.settings import settings

PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "paybyphone": "PayByPhone",
        "flowbird": "Flowbird",
        "easypark": "EasyPark",
        "indigo_neo": "Indigo Neo",
        "city_hub": N_("Horodateurs et contrôle de la ville"),
    }
)
STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "submitted": N_("En cours d'instruction"),
        "awaiting_payment": N_("En attente de paiement"),
        "active": N_("Droits activés"),
        "rejected": N_("Demande refusée"),
        "cancelled_by_resident": N_("Annulée par l'usager"),
        "cancelled_unpaid": N_("Annulée, non payée"),
        "ended": N_("Droit terminé"),
    }
)
ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "pay": N_("Payer"),
        "change_vehicle": N_("Changer de véhicule"),
        "change_address": N_("Changer d'adresse"),
        "renew": N_("Renouvellement"),
        "cancel": N_("Annuler"),
        "details": N_("Voir le détail"),
    }
)
PATHS: Mapping[str, str] = MappingProxyType(
    {
        "pay": "/paiement",
        "change_vehicle": "/vehicule",
        "change_address": "/adresse",
        "renew": "/renouvellement",
        "cancel": "/annulation",
        "details": "",
    }
)
"""The path of each action, below the card's page."""

PROFILES: Mapping[str, str] = MappingProxyType(
    {
        "standard": N_("Véhicule particulier"),
        "two_wheeler": N_("Deux-roues motorisé"),
        "low_emission": N_("Véhicule basse émission"),
        "non_taxable": N_("Foyer non imposable"),
    }
)
STATES: Mapping[str, str] = MappingProxyType(
    {
        "nothing": N_("n'a jamais reçu vos données"),
        "sending": N_("en cours de transmission"),
        "held": N_("détient vos données, confirmé %(when)s"),
        "removing": N_("en cours de retrait"),
        "removed": N_("retiré %(when)s"),
        "refused": N_("refusé par le prestataire : il ne détient rien"),
    }
)
STEPS: Mapping[str, str] = MappingProxyType(
    {
        "permit.requested": N_("Demande déposée, en cours d'instruction"),
        "permit.approved": N_("Demande acceptée, en attente de paiement"),
        "permit.rejected": N_("Demande refusée"),
        "permit.activated": N_("Droit activé"),
        "permit.renewal_requested": N_("Renouvellement demandé, en attente de paiement"),
        "permit.renewed": N_("Droit renouvelé"),
        "permit.vehicle_change_requested": N_("Changement de véhicule demandé, à l'étude"),
        "permit.vehicle_changed": N_("Véhicule changé"),
        "permit.address_change_requested": N_("Changement d'adresse demandé"),
        "permit.address_changed": N_("Adresse changée"),
        "permit.change_approved": N_("Changement accepté, en attente de paiement"),
        "permit.change_rejected": N_("Changement refusé"),
        "permit.cancelled": N_("Demande annulée"),
        "permit.pending_change_cancelled": N_("Changement en attente annulé"),
        "permit.imported": N_("Droit repris de l'ancien service"),
        "permit.lapsed": N_("Validité terminée"),
        "permit.ended": N_("Droit terminé"),
        "permit.anonymised": N_("Données effacées après le délai de conservation"),
    }
)
REVIEWED: Mapping[str, str] = MappingProxyType(
    {
        "new_term": N_("Demande à l'étude depuis le %(day)s"),
        "new_vehicle": N_("Changement de véhicule à l'étude depuis le %(day)s : %(what)s"),
        "new_address": N_("Changement d'adresse à l'étude depuis le %(day)s : %(what)s"),
    }
)
FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "unverified": N_("MonParis n'a pas pu vérifier %(about)s."),
        "different": N_("MonParis a vérifié autre chose que ce que vous indiquez : il reste à vérifier %(about)s."),
        "outdated": N_("La vérification est trop ancienne : il reste à vérifier %(about)s."),
    }
)
ABOUT: Mapping[str, str] = MappingProxyType(
    {
        "residence": N_("que cette adresse est la vôtre"),
        "vehicle": N_("que ce véhicule est le vôtre"),
        "vehicle_profile": N_("que ce véhicule a droit à ce tarif"),
        "income": N_("que vos revenus donnent droit à ce tarif"),
    }
)
REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "address_unchanged": N_("C'est déjà l'adresse de ce droit : rien ne change, et il n'y a rien à payer."),
        "vehicle_unchanged": N_("C'est déjà le véhicule de ce droit : rien ne change."),
        "plate_in_use": N_("Ce véhicule a déjà un droit de stationnement, ou une demande en cours."),
        "too_many_permits": N_("Vous avez déjà le nombre de droits qu'un résident peut avoir en même temps."),
        "plate.raw": N_("Cette immatriculation n'est pas lisible : lettres et chiffres, 20 au plus."),
        "plate.country": N_("Ce pays n'existe pas."),
        "unknown_tariff": N_("Cette durée n'est plus proposée pour ce véhicule."),
        "action_not_offered": N_("Cette action n'est plus proposée pour ce droit."),
        "permit_exists": N_("Cette demande a déjà été enregistrée : elle figure dans votre espace."),
        "job_id_reused": N_(
            "Cette demande a déjà été enregistrée : vérifiez votre espace avant d'en envoyer une autre."
        ),
        "consent_stale": N_(
            "Votre choix a été modifié entre-temps, dans un autre onglet ou sur un autre appareil. "
            "Votre autorisation n'a pas été enregistrée. Voici le choix en vigueur."
        ),
        "unknown_text": N_(
            "Ce texte n'est pas en vigueur : votre autorisation n'a pas été enregistrée, et rien n'est transmis. "
            "Réessayez plus tard."
        ),
        "resident_erased": N_("Votre compte a été effacé à votre demande : plus rien ne peut y être ajouté."),
    }
)
"""The texts of refusals, by code, or by field where the code says too little."""

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "plate": "plate",
        "plate.raw": "plate",
        "plate.country": "country",
        "years": "offer",
        "profile": "offer",
        "address": "address",
    }
)
"""The form's field for each field of a job, to show an error beside it."""


def refusal(code: str | None, field: str | None) -> str:
    """Return the reason of a refusal as a text."""
    known = REFUSALS.get(field or "") or REFUSALS.get(code or "")
    return gettext(known or N_("Votre demande a été refusée (%(code)s).")) % {"code": code}


def provider(name: str) -> str:
    """Return a provider's name; for an unknown provider the hub's name for it."""
    return gettext(PROVIDERS[name]) if name in PROVIDERS else name.replace("_", " ").title()


def state(one: ProviderState) -> str:
    """Return the state of a provider's copies as a text."""
    when = one["confirmed_at"] and just_now(one["confirmed_at"], settings().zone)
    words = STATES[one["state"]]
    return gettext(words) % {"when": when}


def review(one: Review) -> str:
    """Return what is under review, and since when."""
    words, since, what = REVIEWED[one["kind"]], day(one["since"]), one["plate"] or one["address"]
    return gettext(words) % {"day": since, "what": what}


def doubt(one: Doubt) -> str:
    """Return why it is under review."""
    words, about = FAULTS[one["fault"]], ABOUT[one["about"]]
    return gettext(words) % {"about": gettext(about)}


def profile(name: str) -> str:
    """Return a tariff profile's name."""
    return gettext(PROFILES[name]) if name in PROFILES else name.replace("_", " ")


def years(number: int) -> str:
    """Return a duration: 1 an, 3 ans."""
    return gettext("1 an") if number == 1 else gettext("%(number)s ans") % {"number": number}


def listed(names: Iterable[str]) -> str:
    """Return providers' names in the order of the consent text."""
    order = list(PROVIDERS)
    known = sorted(names, key=lambda name: order.index(name) if name in order else len(order))
    return ", ".join(provider(name) for name in known)
