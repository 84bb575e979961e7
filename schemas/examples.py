"""One valid message of each kind, in its form on the wire: for the documents and the tests."""

from pydantic import JsonValue

JOB_ID = "0d4f7a52-6a3f-4c0e-9f0a-3b7a2f6d9c11"
PERMIT_ID = "7b8f2c1e-1111-4a2b-8c3d-5e6f7a8b9c0d"

_ENVELOPE: dict[str, JsonValue] = {
    "schema_version": 1,
    "job_id": JOB_ID,
    "source": "personal-space",
    "submitted_at": "2024-09-16T10:42:03+02:00",
}
_CURRENT: dict[str, JsonValue] = {"schema_version": 2}
_RESIDENT: dict[str, JsonValue] = _ENVELOPE | {"resident_id": "r-1001"}
_PERMIT: dict[str, JsonValue] = _RESIDENT | {"permit_id": PERMIT_ID}
_PLATE: JsonValue = {"raw": "EF-367-QS", "country": "FR"}
_ADDRESS: JsonValue = {"ban_id": "75114_1834_00010", "label": "10 rue de l'Exemple, 75014 Paris"}
_REGISTER: dict[str, JsonValue] = {"register_name": "SIV", "verified_at": "2024-09-16T10:40:51+02:00"}
_VEHICLE: JsonValue = _REGISTER | {"plate": _PLATE, "profiles": ["low_emission"]}
_RESIDENCE: JsonValue = _REGISTER | {"register_name": "DGFiP", "ban_id": "75114_1834_00010"}

EXAMPLES: dict[str, dict[str, JsonValue]] = {
    "permit.request": _PERMIT
    | _CURRENT
    | {
        "plate": _PLATE,
        "profile": "standard",
        "years": 1,
        "address": _ADDRESS,
        "zones": ["14A", "14B"],
        "verified": {"residence": _RESIDENCE, "vehicle": _VEHICLE, "income": None},
    },
    "permit.decide": _PERMIT
    | {"decision": "reject", "decided_by": "agent-17", "reason": "Le justificatif\nest illisible."},
    "permit.confirm_payment": _PERMIT | {"payment_reference": "PAY-2024-0001", "amount_cents": 4500},
    "permit.renew": _PERMIT | {"years": 3},
    "permit.change_vehicle": _PERMIT | _CURRENT | {"plate": _PLATE, "verified": {"vehicle": _VEHICLE}},
    "permit.change_address": _PERMIT
    | _CURRENT
    | {"address": _ADDRESS, "zones": ["14A"], "verified": {"residence": _RESIDENCE}},
    "permit.cancel": _PERMIT,
    "consent.decide": _RESIDENT
    | {
        "choice": "allow",
        "providers": ["paybyphone", "flowbird", "easypark", "indigo_neo"],
        "consent_version": 0,
        "text": {"version": "2024-09", "sha256": "a" * 64},
        "decided_at": "2024-09-16T08:42:03Z",
    },
    "resident.update_contact": _RESIDENT | {"name": "Élodie Exemple", "email": "elodie@example.fr", "language": "fr"},
    "resident.choose_reminders": _RESIDENT | {"channel": "none"},
    "reminders.stop": _ENVELOPE | {"token": "5b0a2f6e-2f1d-4b0c-8a43-6f2f7d1c9e55"},
    "resident.export": _RESIDENT,
    "resident.erase": _RESIDENT,
    "permit.import": _ENVELOPE
    | {
        "permits": [
            {
                "resident_id": "r-1001",
                "permit_id": PERMIT_ID,
                "status": "active",
                "requested_on": "2024-09-16",
                "plate": _PLATE,
                "profile": "standard",
                "address": _ADDRESS,
                "zones": ["14A"],
                "terms": [{"first_day": "2023-09-16", "last_day": "2024-09-15"}],
            }
        ]
    },
}

RECEIPT: dict[str, JsonValue] = {
    "job_id": JOB_ID,
    "kind": "consent.decide",
    "outcome": "applied",
    "version": 7,
}

EVENT: dict[str, JsonValue] = {
    "specversion": "1.0",
    "id": "c2b0a9de-2222-4b3c-9d4e-6f7a8b9c0d1e",
    "source": "permit-hub",
    "type": "shares.confirmed",
    "subject": "r-1001",
    "time": "2024-09-16T08:42:03.041000Z",
    "sequence": 8,
    "datacontenttype": "application/json",
    "data": {
        "job_id": None,
        "permit_ids": [],
        "shares": [{"permit_id": PERMIT_ID, "provider": "easypark", "held": True}],
    },
}

PROVIDER_EVENT: dict[str, JsonValue] = {
    "specversion": "1.0",
    "id": "5d0c0b4e-3333-4b3c-9d4e-6f7a8b9c0d1e",
    "source": "permit-hub",
    "type": "provider.breaker_opened",
    "subject": "easypark",
    "time": "2024-09-16T08:42:03.041000Z",
    "sequence": 3,
}

SPACE: dict[str, JsonValue] = {
    "resident_id": "r-1001",
    "epoch": 1,
    "version": 8,
    "as_of": "2024-09-16",
    "cards": [
        {
            "permit_id": PERMIT_ID,
            "plate": "EF-367-QS",
            "country": "FR",
            "status": "active",
            "requested_on": "2024-09-16",
            "valid_from": "2024-09-16",
            "valid_until": "2025-09-16",
            "profile": "standard",
            "zones": ["14A", "14B"],
            "address": "10 rue de l'Exemple, 75014 Paris",
            "reason": None,
            "review": None,
            "actions": [
                {"name": "change_vehicle", "price_cents": None},
                {"name": "change_address", "price_cents": 0},
                {"name": "details", "price_cents": None},
            ],
        }
    ],
    "consent": {
        "version": 1,
        "updated_at": "2024-09-16T08:42:03Z",
        "providers": [
            {
                "provider": "easypark",
                "allowed": True,
                "state": "held",
                "confirmed_at": "2024-09-16T08:42:03.041000Z",
            }
        ],
    },
    "reminders": {"channel": "email", "email_known": True, "email_refused_at": None},
    "public_task": [
        {
            "provider": "city_hub",
            "allowed": True,
            "state": "held",
            "confirmed_at": "2024-09-16T08:42:02.518000Z",
        }
    ],
}

HISTORY: dict[str, JsonValue] = {
    "resident_id": "r-1001",
    "version": 11,
    "permits": [
        {
            "permit_id": PERMIT_ID,
            "plates": [
                {"plate": "AB-344-CD", "country": "FR", "since": "2024-09-16T08:40:00Z"},
                {"plate": "EF-367-QS", "country": "FR", "since": "2024-10-02T17:05:11Z"},
            ],
            "terms": [{"first_day": "2024-09-16", "last_day": "2025-09-16"}],
            "pending": {
                "kind": "new_term",
                "debt_id": "0c5e9a52-5d0c-4d7e-9a53-4c9b3f6f0a11",
                "years": 1,
                "plate": None,
                "address": None,
                "price_cents": 4500,
                "pay_by": "2025-09-10",
            },
            "payments": [{"amount_cents": 4500, "paid_at": "2024-09-16T08:41:30Z"}],
            "steps": [
                {"type": "permit.approved", "at": "2024-09-16T08:40:00Z"},
                {"type": "permit.activated", "at": "2024-09-16T08:41:30Z"},
                {"type": "permit.vehicle_changed", "at": "2024-10-02T17:05:11Z"},
                {"type": "permit.renewal_requested", "at": "2025-08-11T07:12:09Z"},
            ],
        }
    ],
    "decisions": [
        {
            "version": 1,
            "choice": "allow",
            "providers": ["paybyphone", "flowbird", "easypark", "indigo_neo"],
            "text_version": "2024-09",
            "source": "personal-space",
            "decided_at": "2024-09-16T08:42:03Z",
            "recorded_at": "2024-09-16T08:42:03.018000Z",
        }
    ],
    "recipients": [
        {
            "provider": "easypark",
            "public_task": False,
            "holdings": [
                {
                    "permit_id": PERMIT_ID,
                    "plate": "AB-344-CD",
                    "since": "2024-09-16T08:42:03.026000Z",
                    "until": "2024-10-02T17:05:11.204000Z",
                    "consent_version": 1,
                },
                {
                    "permit_id": PERMIT_ID,
                    "plate": "EF-367-QS",
                    "since": "2024-10-02T17:05:11.204000Z",
                    "until": None,
                    "consent_version": 1,
                },
            ],
        },
        {"provider": "city_hub", "public_task": True, "holdings": []},
    ],
}

PLATE_READ: dict[str, JsonValue] = {
    "plate": "BNO 1234",
    "country": "DE",
    "unusual": True,
}

CATALOGUE: dict[str, JsonValue] = {
    "profiles": {"standard": {"1": 4500, "3": 9000}, "two_wheeler": {"1": 2250, "3": 4500}},
    "address_change_cents": 1000,
    "renewal_opens_months": 2,
    "unpaid_lapses_after_days": 30,
    "consent_providers": ["paybyphone", "flowbird", "easypark", "indigo_neo"],
    "public_task_providers": ["city_hub"],
}

PUBLISHED: dict[str, JsonValue] = {"version": 8}

MADE = True
"""The answer to a task that has made a document."""

EXPORT: dict[str, JsonValue] = {
    "resident_id": "r-1001",
    "name": "Élodie Exemple",
    "email": "elodie@example.fr",
    "language": "fr",
    "reminders": "email",
    "email_refused_at": None,
    "permits": [],
    "consent_decisions": [],
    "events": [],
}
