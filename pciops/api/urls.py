"""The routes of the API, version 1."""

from __future__ import annotations

from django.urls import path

from pciops.actions.registry import ACTS
from pciops.api import (
    accounts,
    activity,
    acts,
    audit,
    bulk,
    document,
    errors,
    exemptions,
    health,
    notices,
    overview,
    policy,
    reports,
    whatif,
)

urlpatterns = [
    path("accounts", accounts.accounts, name="api-accounts"),
    path("accounts/unlock", bulk.accounts_unlock, name="api-accounts-unlock"),
    path("accounts/<str:user_id>", accounts.account, name="api-account"),
    path("accounts/<str:user_id>/activity", activity.of_account, name="api-account-activity"),
    *(
        path(
            f"accounts/<str:user_id>/{act.name}", acts.view_of(act), name=f"api-account-{act.name}"
        )
        for act in ACTS
    ),
    path("activity", activity.activity, name="api-activity"),
    path("audit", audit.audit, name="api-audit"),
    path("audit/integrity", audit.integrity_check, name="api-audit-integrity"),
    path("audit/integrity/acknowledge", audit.acknowledge, name="api-audit-acknowledge"),
    path("doctor", health.doctor, name="api-doctor"),
    path("exemptions", exemptions.exemptions, name="api-exemptions"),
    path("notices", notices.notices, name="api-notices"),
    path("openapi.json", document.openapi, name="api-openapi"),
    path("overview", overview.overview, name="api-overview"),
    path("policy", policy.policy, name="api-policy"),
    path("policy/what-if", whatif.what_if, name="api-what-if"),
    path("reports", reports.reports, name="api-reports"),
    path("reports/<str:week>", reports.report, name="api-report"),
    path("reports/<str:week>/sign-off", reports.sign_off, name="api-report-sign-off"),
    path("<path:rest>", errors.not_found),
    path("", errors.not_found),
]
