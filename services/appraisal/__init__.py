"""The appraisal (考核): what managers and departments achieved, both sides of the bank next to each other.

Streams: ``results-<n>``, one a shard of the ledger: the sums of what arrived from it; ``target-<source>#<year>``, the
targets of a source in a year; and what others told, in the streams of their own events (``manager-<id>#staff``, ...).
Topics: reads ``ledger.events`` and ``assignment.events``; will write ``appraisal.events``.
Views: result, intake, intake_run, staff, holding, loan_state, stated, conduct, target, dead_letter.
"""
