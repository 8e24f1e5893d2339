"""Objectives with their verdicts: what was promised, what is, what can be said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from markupsafe import Markup

from spaser.publish.context import WHOLE, Context
from spaser.publish.marks import TargetFigure
from spaser.publish.model import Figures, Objective, anchor, band
from spaser.publish.reading import Verdict
from spaser.publish.wording import Wording, is_secret
from spaser.scheme import Target


class ObjectiveBuilder(Wording):
    """Builds the objectives of one report."""

    def __init__(
        self, context: Context, figures: Figures, targets: Sequence[Target], *, openable: bool
    ) -> None:
        super().__init__(context, figures, openable=openable)
        self.targets = targets

    def objectives(self, verdicts: Iterable[Verdict]) -> list[Objective]:
        """Targets with their verdicts."""
        by_id = {target.id: target for target in self.targets}
        return [self.objective(verdict, by_id.get(verdict.target_id)) for verdict in verdicts]

    def objective(self, verdict: Verdict, target: Target | None) -> Objective:
        """One target: what was promised, what is, what can be said."""
        card = self.context.catalogue.indicators.get(verdict.code)
        own = self.context.text(verdict.label_fr, verdict.label_en)
        label = own or (self.context.card_text(card.labels) if card else verdict.code)
        trajectory = verdict.trajectory or "null"
        not_due = verdict.verdict == "not_due"
        kind = self.context.kind_name(verdict.code, verdict.method, verdict.unit, verdict.measure)
        return Objective(
            label,
            anchor(verdict.code),
            f"{kind} – {self.context.scope_of(verdict)}",
            self.context.buyer(verdict.buyer_id),
            self.threshold(verdict),
            self.baseline(verdict, target),
            verdict.due_year,
            self.context.verdict_figure(verdict, "value"),
            self.context.verdict_figure(verdict, "low"),
            self.context.verdict_figure(verdict, "high"),
            verdict.verdict,
            self.labels.code("objectives", verdict.verdict),
            trajectory if not_due else "",
            self.labels.code("objectives", f"trajectory_{trajectory}") if not_due else "",
            self.to_qualify(verdict),
            self.lines(verdict, label),
            band(verdict.unit, verdict.value, verdict.low, verdict.high, verdict.threshold),
            self.is_hidden(verdict),
        )

    def is_hidden(self, verdict: Verdict) -> bool:
        """Whether the result a verdict reads is under statistical secrecy."""
        key = (verdict.code, verdict.method, verdict.measure, verdict.unit, verdict.scope)
        group = WHOLE if verdict.buyer_id == WHOLE else "buyer"
        return any(
            is_secret(result)
            for result in self.figures.groups.get((*key, group), ())
            if (result.buyer_id, result.year) == (verdict.buyer_id, verdict.year)
        )

    def threshold(self, verdict: Verdict) -> Markup:
        """`au moins 30,0 %`."""
        if verdict.threshold is None:
            return Markup("—")
        figure = TargetFigure(
            verdict.target_id,
            verdict.buyer_id,
            verdict.year,
            "threshold",
            verdict.threshold,
            self.context.value(verdict.unit, verdict.threshold),
        )
        side = "at_least" if verdict.direction == "up" else "at_most"
        return self.labels.html(f"objectives.{side}", threshold=figure)

    def baseline(self, verdict: Verdict, target: Target | None) -> Markup | str:
        """`soit 3 fois 12 en 2023`."""
        if verdict.baseline_year is None or target is None or target.times_baseline is None:
            return ""
        value = self.context.verdict_figure(verdict, "baseline_value")
        if value is None:
            return self.labels("objectives.baseline_unknown", year=verdict.baseline_year)
        factor = self.context.formats.trimmed(target.times_baseline)
        return self.labels.html(
            "objectives.baseline", factor=factor, value=value, year=verdict.baseline_year
        )

    def to_qualify(self, verdict: Verdict) -> Markup | str | None:
        """How many contracts to qualify before the verdict can be given; none once it is."""
        if verdict.verdict == "undecidable" and verdict.threshold is None:
            return self.labels("objectives.no_threshold")
        if not verdict.to_qualify:
            return None
        figure = TargetFigure(
            verdict.target_id,
            verdict.buyer_id,
            verdict.year,
            "to_qualify",
            Decimal(verdict.to_qualify),
            self.context.formats.number(verdict.to_qualify),
        )
        return self.labels.plural("objectives.to_qualify", verdict.to_qualify, n=figure)
