"""The Django application of the business API."""

from __future__ import annotations

from django.apps import AppConfig


class BusinessApiConfig(AppConfig):
    """Label `api`; its tables are named for what they hold."""

    name = "api"
    label = "api"
    verbose_name = "Business API"
