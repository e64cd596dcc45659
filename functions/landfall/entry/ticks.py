"""The handlers of the functions that Cloud Scheduler calls every minute."""

from landfall.deadlines import Deadline
from landfall.entry.app import App
from landfall.entry.serve import Answer, Call


async def tick_scheduler(app: App, _: Call) -> Answer:
    """Claim the schedules that are due, create their runs and enqueue them."""
    from landfall.ticks.scheduler import Scheduler

    await app.server_clock.require(app.runs.store)
    await app.indexes.require()
    tick = await Scheduler(app.runs, "scheduler").tick(Deadline.after(app.config.ladder.step))
    return 200, vars(tick)


async def tick_watchdog(app: App, _: Call) -> Answer:
    """Take up steps that do not move, and end runs that are past their deadline."""
    from landfall.ticks.watchdog import Watchdog

    await app.server_clock.require(app.runs.store)
    watch = await Watchdog(app.runs, "watchdog").tick(Deadline.after(app.config.ladder.step))
    return 200, vars(watch)
