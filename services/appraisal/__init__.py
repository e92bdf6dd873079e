"""The appraisal (考核): what managers and departments achieved, and what follows from it in rating, pay and grade.

Streams: ``results-<n>``, one a shard of the ledger: the sums of what arrived from it; what others told, in streams of
their own events (``manager-<id>#staff``, …); ``scheme-<id>``, ``target-<source>#<year>``; ``cycle-<id>`` and, in its
shard, ``card-<cycle>#<side>~<centre>``; ``awards-<cycle>``, ``vault-<manager>``, ``measure-<manager>#<id>``,
``ladder-<manager>``.
Topics: reads ``ledger.events`` and ``assignment.events``; writes ``appraisal.events``.
Views: a file of ``views/`` is a table. A task follows up loans that change their class.
"""
