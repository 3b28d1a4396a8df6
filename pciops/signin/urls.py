"""Where operators sign in and out."""

from __future__ import annotations

from django.urls import path

from pciops.signin import views

urlpatterns = [
    path("signin/", views.signin, name="signin"),
    path("signout/", views.signout, name="signout"),
]
