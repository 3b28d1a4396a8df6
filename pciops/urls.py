"""All routes."""

from __future__ import annotations

from django.urls import include, path

from pciops.api import page

urlpatterns = [
    path("", include("pciops.signin.urls")),
    path("", include("pciops.web.urls")),
    path("api/", page.reference, name="api"),
    path("api/v1/", include("pciops.api.urls")),
]

handler400 = "pciops.web.errors.bad_request"
handler403 = "pciops.web.errors.permission_denied"
handler404 = "pciops.web.errors.not_found"
handler500 = "pciops.web.errors.server_error"
