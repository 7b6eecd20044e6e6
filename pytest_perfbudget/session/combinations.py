"""What cannot be asked for together."""

from __future__ import annotations

from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.session.options import Options


def refuse_combinations(options: Options) -> None:
    """
    Raises:
        SettingsError: two of the options cannot be had at once. Refusing an update under CI prints the evidence.
    """
    checks = [
        (
            options.update and options.ci is not None and not options.dry_run,
            f"baselines are not updated in CI ({options.ci})",
            "update them on your machine and commit them; PERFBUDGET_CI=0 says that this is not CI",
        ),
        (
            bool({"worse", "alternative"} & options.accept) and not options.reason,
            f"--perf-accept={'worse' if 'worse' in options.accept else 'alternative'} needs a reason",
            'add --perf-reason "why it is meant": it is stored beside the baseline',
        ),
        (
            options.dry_run and not options.update,
            "--perf-dry-run shows what --perf-update would write",
            "add --perf-update",
        ),
        (
            options.update and bool(options.baseline_ref),
            "--perf-baseline judges by another git ref, so nothing can be updated",
            "leave out --perf-update or --perf-baseline",
        ),
        (
            options.explain and options.update,
            "--perf-explain judges nothing, so nothing can be updated",
            "leave out --perf-update or --perf-explain",
        ),
    ]
    for broken, what, remedy in checks:
        if broken:
            raise SettingsError(what, remedy=remedy)
