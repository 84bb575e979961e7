"""All that crosses a process boundary: jobs, receipts, events, the personal space, and what a provider may hold."""
