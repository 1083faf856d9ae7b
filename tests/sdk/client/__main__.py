"""`python -m tests.sdk.client ORDER`, run by an SDK's own Python: makes the checks, prints their record as JSON.

ORDER is a JSON object; `mode` is `contract`, `verbs` (a part of it, where rendering costs time) or `resends`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from tests.sdk.client import content, derived, errors, following, resends, videos
from tests.sdk.client.record import Record, Run, openai

MODES = {
    "contract": (*videos.SCENARIOS, *following.SCENARIOS, *content.SCENARIOS, *derived.SCENARIOS, *errors.SCENARIOS),
    "verbs": (
        videos.polls_until_it_is_completed,
        videos.shows_a_failed_job_as_a_video,
        videos.refuses_to_touch_a_running_video,
        videos.cancels_a_running_video,
        *content.SCENARIOS,
        *derived.SCENARIOS,
        errors.lists_models,
    ),
    "resends": resends.SCENARIOS,
}


def main() -> None:
    order = json.loads(sys.argv[1])
    run = Run(order, Record())
    for scenario in MODES[order["mode"]]:
        run.record.run(scenario, run)
    print(json.dumps({"version": openai.__version__, **asdict(run.record)}))


main()
