"""REST for packages: what apps may use, what a list comes to, and what makers ask for."""

from typing import Any

from pydantic import BaseModel, Field

from handrail import kit
from handrail.kernel.manifest import REPORT
from handrail.runtime.decide_package import grant_package, package_requests, refuse_package
from handrail.runtime.models import PackageRequest
from handrail.runtime.packages_known import Resolved, approved_packages, resolve_packages
from handrail.runtime.request_package import request_package
from handrail.runtime.requirements import LISTED

router = kit.rest("/api/v1/packages", "packages")


class Wish(BaseModel):
    """Why apps need the package, and in which versions; any without."""

    model_config = {"extra": "forbid"}
    why: str
    versions: str = Field(default="", max_length=200)


class Grant(BaseModel):
    """In which versions; those that were asked for without."""

    model_config = {"extra": "forbid"}
    versions: str | None = Field(default=None, max_length=200)
    reason: str = Field(default="", max_length=2000)


class No(BaseModel):
    """A no, with a sentence that the maker can act on."""

    model_config = {"extra": "forbid"}
    reason: str


class Listed(BaseModel):
    """The text of a requirements.txt, and the layer it stands beside."""

    model_config = {"extra": "forbid"}
    requirements: str
    layer: str = REPORT


@router.get("")
def get_approved(ctx: kit.Ctx) -> dict[str, str]:
    """The packages that may be added to a layer, with the versions that may be."""
    return approved_packages(ctx)


@router.post("/resolve", responses=kit.answers(Resolved))
def post_resolve(ctx: kit.Ctx, wanted: Listed) -> Any:
    """What a list of packages comes to, as a push would lock it."""
    return kit.jsonable(resolve_packages(ctx, {LISTED: wanted.requirements.encode()}, wanted.layer))


@router.get("/requests", responses=kit.answers(list[PackageRequest]))
def get_requests(ctx: kit.Ctx) -> list[Any]:
    """What was asked for: one's own requests, for admins everybody's; those that wait first."""
    return [kit.jsonable(one) for one in package_requests(ctx)]


@router.post("/{name}/request", responses=kit.answers(PackageRequest))
def post_request(ctx: kit.Ctx, name: str, wish: Wish) -> Any:
    """Ask that apps may use a package."""
    return kit.jsonable(request_package(ctx, name, wish.why, wish.versions))


@router.post("/{name}/grant", responses=kit.answers(PackageRequest))
def post_grant(ctx: kit.Ctx, name: str, grant: Grant) -> Any:
    """Let apps use a package that somebody asked for."""
    return kit.jsonable(grant_package(ctx, name, grant.versions, grant.reason))


@router.post("/{name}/refuse", responses=kit.answers(PackageRequest))
def post_refuse(ctx: kit.Ctx, name: str, no: No) -> Any:
    """Say no to a package that somebody asked for."""
    return kit.jsonable(refuse_package(ctx, name, no.reason))
