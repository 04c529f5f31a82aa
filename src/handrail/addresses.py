"""Every address of the rooms, pages and REST. A server loads it once it listens."""

from fastapi import APIRouter

from handrail.apps import again_api, causes_api, causes_pages, forms, schedule_api, schedule_pages
from handrail.apps import api as apps_api
from handrail.apps import clone_api as apps_clone_api
from handrail.apps import pages as apps_pages
from handrail.connectors import api as connectors_api
from handrail.connectors import pages as connectors_pages
from handrail.data import api as data_api
from handrail.data import ask_pages as data_ask_pages
from handrail.data import asking_api as data_asking_api
from handrail.data import (
    disclosure_api,
    disclosure_pages,
    in_force_pages,
    lineage_api,
    lineage_pages,
    metric_pages,
)
from handrail.data import pages as data_pages
from handrail.data import quality_api as data_quality_api
from handrail.data import quality_pages as data_quality_pages
from handrail.openlineage import api as openlineage_api
from handrail.review import api as review_api
from handrail.review import pages as review_pages
from handrail.runtime import api as runtime_api
from handrail.runtime import (
    packages_api,
    packages_pages,
    retention_api,
    retention_pages,
    workers_api,
    workers_pages,
)
from handrail.runtime import pages as runtime_pages
from handrail.twins import api as twins_api
from handrail.twins import pages as twins_pages

# The rooms' pages and REST.
ROUTERS: tuple[APIRouter, ...] = (
    data_pages.router,
    data_ask_pages.router,
    data_quality_pages.router,
    data_quality_api.router,
    in_force_pages.router,
    metric_pages.router,
    lineage_pages.router,
    lineage_api.router,
    data_asking_api.router,  # before the datasets and metrics that its addresses begin like
    data_api.router,
    disclosure_api.router,
    openlineage_api.router,
    disclosure_pages.router,
    connectors_pages.router,
    connectors_api.router,
    twins_pages.router,
    twins_api.router,
    forms.router,  # first: /apps/new is not an app called "new"
    apps_pages.router,
    apps_api.router,
    apps_clone_api.router,
    again_api.router,
    causes_api.router,
    causes_pages.router,
    schedule_api.router,
    schedule_pages.router,
    review_pages.router,
    review_api.router,
    runtime_pages.router,
    runtime_api.router,
    retention_pages.router,
    retention_api.router,
    packages_pages.router,
    packages_api.router,
    workers_pages.router,
    workers_api.router,
)
