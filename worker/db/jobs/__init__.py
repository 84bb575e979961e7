"""What jobs read and write: residents, permits, plates, consent, payments, receipts."""
