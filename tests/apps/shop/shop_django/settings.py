"""The settings of a project that has pytest-perfbudget give it its database."""

from __future__ import annotations

import pytest_perfbudget.django

DATABASES = {"default": pytest_perfbudget.django.database()}

INSTALLED_APPS = ["shop_django"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "shop_django.urls"
SECRET_KEY = "of a test"
STATIC_URL = "static/"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
USE_TZ = True
