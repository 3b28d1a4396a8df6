"""URLs of the pages."""

from __future__ import annotations

from django.urls import path

from pciops.web import (
    account_list,
    account_page,
    activity,
    acts,
    audit,
    bulk,
    exemptions,
    health,
    notices,
    overview,
    policy,
    report_acts,
    reports,
    sessions,
)

urlpatterns = [
    path("", overview.overview_page, name="overview"),
    path("accounts/", account_list.account_list, name="accounts"),
    path("accounts/export", account_list.account_export, name="account_export"),
    path("accounts/unlock/", bulk.accounts_unlock, name="accounts_unlock"),
    path("accounts/unlocks/<str:batch_id>/", bulk.unlocks, name="unlocks"),
    path("accounts/unlocks/<str:batch_id>/stop/", bulk.unlocks_stop, name="unlocks_stop"),
    path("accounts/<str:user_id>/", account_page.account_detail, name="account"),
    path("accounts/<str:user_id>/<str:name>/", acts.account_act, name="account_act"),
    path("activity/", activity.activity, name="activity"),
    path("activity/export", activity.activity_export, name="activity_export"),
    path("activity/set-aside/", activity.set_aside, name="set_aside"),
    path("audit/", audit.audit, name="audit"),
    path("audit/export", audit.audit_export, name="audit_export"),
    path("exemptions/", exemptions.exemption_list, name="exemptions"),
    path("exemptions/export", exemptions.exemption_export, name="exemption_export"),
    path("notices/", notices.notice_list, name="notices"),
    path("notices/<uuid:notice_id>/again/", notices.again, name="notice_again"),
    path("notices/preview/<str:kind>/", notices.preview, name="notice_preview"),
    path("notices/sample/<str:kind>/", notices.sample, name="notice_sample"),
    path("notices/digest/", notices.digest, name="digest"),
    path("notices/digest/sample/", notices.digest_sample, name="digest_sample"),
    path("policy/", policy.policy_page, name="policy"),
    path("reports/", reports.report_list, name="reports"),
    path("reports/<str:week>/", reports.report, name="report"),
    path("reports/<str:week>/export", reports.report_export, name="report_export"),
    path("reports/<str:week>/sign-off/", report_acts.sign_off, name="report_sign_off"),
    path("reports/<str:week>/again/", report_acts.build_again, name="report_again"),
    path("reports/<str:week>/changes/", report_acts.report_changes, name="report_changes"),
    path("sessions/", sessions.session_list, name="sessions"),
    path("sessions/<str:session_id>/end/", sessions.session_end, name="session_end"),
    path("status/", health.status, name="status"),
]
