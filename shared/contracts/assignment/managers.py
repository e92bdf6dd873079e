"""Customer managers: who they are, where they belong, what they may do."""

from shared.contracts.types import BusinessDate, CentreId, Contract, Id


class ManagerRegistered(Contract):
    """A customer manager (客户经理) came on record."""

    manager_id: CentreId
    branch_id: Id
    team_id: Id | None = None
    grade: Id
    hired_on: BusinessDate | None = None
    confirmed_on: BusinessDate | None = None
    confidentiality_signed_on: BusinessDate | None = None
    business_date: BusinessDate

    @property
    def stream(self) -> str:
        return f"manager-{self.manager_id}"
