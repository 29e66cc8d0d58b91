"""Combo boxes for what the model and the machine offer: scheduler, device, precision."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QSizePolicy, QWidget

from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.state.app_state import AppState

__all__ = ["DeviceField", "DraftChoice", "DtypeField", "SchedulerField", "scheduler_title"]


def scheduler_title(name: str) -> str:
    """What a person calls a scheduler class: "EulerDiscrete" for "EulerDiscreteScheduler"."""
    return name.removesuffix("Scheduler") or name


class DraftChoice(QComboBox):
    """A field of the draft that is one of some choices; a value that isn't among them shows as such."""

    def __init__(self, state: AppState, field: str, name: str, help: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._state = state
        self._field = field
        self.setAccessibleName(name)
        self.setToolTip(help)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(72)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        calm_wheel(self)
        self.activated.connect(lambda row: state.generate.set(**{field: self.itemData(row)}))
        state.generate.draftChanged.connect(self._on_draft_changed)
        state.generate.modelsChanged.connect(self.refresh)
        self.refresh()

    def choices(self) -> list[tuple[str, str]]:
        """(value, title) of each choice."""
        raise NotImplementedError

    def refresh(self) -> None:
        wanted = getattr(self._state.generate.draft, self._field)
        choices = self.choices()
        if wanted not in [value for value, _ in choices]:
            choices.append((wanted, f"{wanted} (not here)"))
        shown = [(self.itemData(row), self.itemText(row)) for row in range(self.count())]
        with QSignalBlocker(self):
            if shown != choices:
                self.clear()
                for value, title in choices:
                    self.addItem(title, value)
                    self.setItemData(self.count() - 1, title, Qt.ItemDataRole.ToolTipRole)
            self.setCurrentIndex([value for value, _ in choices].index(wanted))

    def _on_draft_changed(self, field: str) -> None:
        if field in (self._field, "model", "device"):
            self.refresh()


class SchedulerField(DraftChoice):
    """The model's own scheduler first, then all that its pipeline takes."""

    def __init__(self, state: AppState, parent: QWidget) -> None:
        super().__init__(state, "scheduler", "Scheduler", "How noise is taken away, step by step", parent)

    def choices(self) -> list[tuple[str, str]]:
        model = self._state.generate.model
        if model is None:
            return [("", "Model's own")]
        own = f"{scheduler_title(model.scheduler)} (model's own)" if model.scheduler else "Model's own"
        return [("", own), *((name, scheduler_title(name)) for name in model.schedulers)]


class DeviceField(DraftChoice):
    def __init__(self, state: AppState, parent: QWidget) -> None:
        super().__init__(state, "device", "Device", "Where the model runs", parent)
        state.engine.changed.connect(self.refresh)

    def choices(self) -> list[tuple[str, str]]:
        devices = self._state.engine.devices
        return [
            ("auto", "Automatic"),
            *((d.name, f"{d.name}: {d.title}" if d.title else d.name) for d in devices),
        ]


class DtypeField(DraftChoice):
    """Precisions that the chosen device can compute in."""

    def __init__(self, state: AppState, parent: QWidget) -> None:
        super().__init__(state, "dtype", "Precision", "Number format of the weights while computing", parent)
        state.engine.changed.connect(self.refresh)

    def choices(self) -> list[tuple[str, str]]:
        wanted = self._state.generate.draft.device
        devices = self._state.engine.devices
        of_device = [device for device in devices if device.name == wanted] or list(devices)
        offered = {dtype for device in of_device for dtype in device.dtypes} or {"float32"}
        names = [name for name in ("float32", "bfloat16", "float16") if name in offered]
        return [("auto", "Automatic"), *((name, name) for name in names)]
