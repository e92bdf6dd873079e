"""Who may do and see what in the appraisal: people see their own, the office all."""

from typing import Annotated

from fastapi import Depends

from shared.infrastructure.auth import Principal, Role, allow

Approver = Annotated[Principal, Depends(allow(Role.APPROVER))]
"""A caller who may set up the appraisal, and agree to what others did."""

Appraiser = Annotated[Principal, Depends(allow(Role.APPROVER, Role.ASSIGNER, Role.ACCOUNTANT))]
"""A caller who may work on cycles: score, calibrate, propose."""

Proposer = Annotated[Principal, Depends(allow(Role.APPROVER, Role.ASSIGNER))]
"""A caller who may propose other grades, rewards and penalties."""

Overseer = Annotated[Principal, Depends(allow(Role.APPROVER, Role.ASSIGNER, Role.ACCOUNTANT, reads=True))]
"""A caller who may see everybody's appraisal."""
