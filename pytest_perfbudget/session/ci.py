"""Whether this run is a CI run, and how we know: the evidence is printed with every decision that rests on it."""

from __future__ import annotations

from collections.abc import Mapping

_VARIABLES = (
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "BUILDKITE",
    "CIRCLECI",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "TF_BUILD",
    "TRAVIS",
    "BITBUCKET_BUILD_NUMBER",
    "CI",
)
_FALSE = ("", "0", "false", "no", "off")


def evidence(environ: Mapping[str, str]) -> str | None:
    """``"GITHUB_ACTIONS is set"``, or None outside CI. ``PERFBUDGET_CI`` decides either way."""
    if "PERFBUDGET_CI" in environ:
        return None if environ["PERFBUDGET_CI"].lower() in _FALSE else "PERFBUDGET_CI is set"
    for name in _VARIABLES:
        if environ.get(name, "").lower() not in _FALSE:
            return f"{name} is set"
    return None
