"""The ledger (总账): core events as booked, in both books; the month close, statements, reconciliation.

Streams: ``customer-<id>`` (entries and the assignments they go by), ``manager-<id>`` (costs of a manager alone, and the
entries of month closes), ``manager-<id>#place``, ``product-<code>``, ``policy-bank``, ``curve-<name>``,
``pool-<month>:<name>``, ``period-bank``; stated results in ``manager-<id>#results`` and the like.
Topics: reads ``core-banking.postings`` and ``assignment.events``; writes ``ledger.events``.
Views: leg, centre_month, month, loan, assignment, manager_place, product, policy, ftp_curve, period, cost_pool,
computed_result, customer_stock, dead_letter.
"""
