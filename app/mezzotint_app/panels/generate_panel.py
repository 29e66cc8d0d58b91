"""The Generate form: everything that a run depends on, and the button that queues it."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.field_error import FieldError
from mezzotint_app.look.widgets.segmented_choice import SegmentedChoice
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.opdebug.debug_commands import BREAK, DEBUG
from mezzotint_app.panels.choice_field import DeviceField, DtypeField, SchedulerField
from mezzotint_app.panels.command_button import command_button, command_push_button, run_command
from mezzotint_app.panels.generate_commands import CANCEL, GENERATE, PAUSE, followed_run
from mezzotint_app.panels.image_source_field import ImageSourceField
from mezzotint_app.panels.model_picker import ModelPicker
from mezzotint_app.panels.number_field import draft_float_box, draft_int_box
from mezzotint_app.panels.prompt_field import PromptField
from mezzotint_app.panels.seed_field import SeedField
from mezzotint_app.panels.size_field import SizeField
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk.job_spec import MAX_COUNT

__all__ = ["GeneratePanel"]

MODES = [
    ("text_to_image", "Text", "prompt", "Draw from the prompt alone"),
    ("image_to_image", "Image", "image", "Start from a picture"),
    ("inpaint", "Inpaint", "mask", "Draw a part of a picture anew"),
]


class GeneratePanel(QWidget):
    """The form scrolls; the buttons below it are always in view."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._errors: dict[str, FieldError] = {}
        form = self._build_form()
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(form)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._scroll = scroll
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)
        layout.addWidget(scroll, 1)
        layout.addWidget(self._build_bottom())
        # the form never scrolls sideways, so the panel is never narrower than it
        bar = scroll.verticalScrollBar().sizeHint().width()
        self.setMinimumWidth(form.minimumSizeHint().width() + bar)
        generate = state.generate
        generate.draftChanged.connect(self._on_draft_changed)
        generate.modelsChanged.connect(self._on_models_changed)
        generate.blockerChanged.connect(self._refresh_bottom)
        state.runs.currentChanged.connect(lambda _run: self._refresh_bottom())
        state.runs.runAdded.connect(lambda _run: self._refresh_bottom())
        state.runs.runChanged.connect(lambda _run: self._refresh_bottom())
        state.runs.reset.connect(self._refresh_bottom)
        self._on_draft_changed("mode")
        self._on_models_changed()

    def focus_prompt(self) -> None:
        """Put the caret at the end of the prompt, ready to type."""
        self.prompt.setFocus()
        cursor = self.prompt.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        self.prompt.setTextCursor(cursor)

    # --- building --------------------------------------------------------------------------------------

    def _build_form(self) -> QWidget:
        state, generate = self._state, self._state.generate
        form = QWidget(self)
        # rows are never squeezed: below its own height the form scrolls
        form.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.model = ModelPicker(state, form)
        self.mode = SegmentedChoice("Mode", MODES, form)
        self.mode.chosen.connect(lambda key: generate.set(mode=key))
        self.prompt = PromptField("Prompt", 4, "Describe the picture", form)
        self.negative = PromptField("Negative prompt", 2, "What should not be in it", form)
        for field, name in ((self.prompt, "prompt"), (self.negative, "negative_prompt")):
            field.edited.connect(lambda text, name=name: generate.set(**{name: text}))
            field.submitted.connect(lambda: run_command(GENERATE, state))
        self.prompt.set_text(generate.draft.prompt)
        self.negative.set_text(generate.draft.negative_prompt)
        self.source = ImageSourceField(state, form)
        self.strength = draft_float_box(
            generate, "strength", "Strength", 0, 1, 0.05, "0 keeps the picture, 1 draws it anew", form
        )
        self.steps = draft_int_box(generate, "steps", "Steps", 1, 10_000, "More steps: finer, slower", form)
        self.guidance = draft_float_box(
            generate, "guidance_scale", "Guidance", 0, 1000, 0.5, "How closely the prompt is followed", form
        )
        self.size_field = SizeField(state, form)
        self.seed = SeedField(state, form)
        self.count = draft_int_box(generate, "count", "Count", 1, MAX_COUNT, "How many pictures", form)
        self.scheduler = SchedulerField(state, form)
        self.device = DeviceField(state, form)
        self.dtype = DtypeField(state, form)

        grid = QGridLayout(form)
        grid.setContentsMargins(SPACING * 2, SPACING + SPACING // 2, SPACING * 2, SPACING)
        grid.setHorizontalSpacing(SPACING)
        grid.setVerticalSpacing(SPACING)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        self._grid = grid
        # underlined letters are those that no menu has; Device and the seed's mode find none left
        self._full("&Model", self.model, "model")
        self._full("", self.mode, "mode")
        self._full("&Prompt", self.prompt, "prompt", above=True)
        self._full("&Negative", self.negative, "negative_prompt", above=True)
        self._source_label = self._full("P&icture", self.source, "", above=True)
        self._strength_label = self._full("Stren&gth", self.strength, "strength")
        self._pair(("S&teps", self.steps, "steps"), ("G&uidance", self.guidance, "guidance_scale"))
        self._full("Si&ze", self.size_field, "width", "height")
        self._full("&Seed", self.seed, "seed")
        self._pair(("&Count", self.count, "count"), ("Seed is", self.seed.mode, ""))
        # the mode was made with the seed, and stands below it, behind the count
        order = (self.seed.edit, self.seed.dice, self.seed.last, self.count, self.seed.mode, self.scheduler)
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)
        self._full("Schedu&ler", self.scheduler, "scheduler")
        self._full("Device", self.device, "")
        self._full("Precisi&on", self.dtype, "")
        grid.setRowStretch(grid.rowCount(), 1)
        return form

    def _full(self, title: str, field: QWidget, *names: str, above: bool = False) -> QWidget:
        row = self._grid.rowCount()
        # a letter leads to the part that takes the keyboard, not to what holds it
        label = text_label(title, "" if not above else "muted", self, buddy=field.focusProxy() or field)
        if above:
            self._grid.addWidget(label, row, 0, 1, 4)
            self._grid.setRowMinimumHeight(row, 0)
            row += 1
            self._grid.addWidget(field, row, 0, 1, 4)
        elif title:
            self._grid.addWidget(label, row, 0)
            self._grid.addWidget(field, row, 1, 1, 3)
        else:
            label.hide()
            self._grid.addWidget(field, row, 0, 1, 4)
        self._add_error(row + 1, field, *names)
        return label

    def _pair(self, first: tuple[str, QWidget, str], second: tuple[str, QWidget, str]) -> None:
        row = self._grid.rowCount()
        for place, (title, field, name) in enumerate((first, second)):
            self._grid.addWidget(text_label(title, "", self, buddy=field), row, place * 2)
            self._grid.addWidget(field, row, place * 2 + 1)
            self._add_error(row + 1 + place, field, name)

    def _add_error(self, row: int, field: QWidget, *names: str) -> None:
        if not any(names):
            return
        error = FieldError(field.focusProxy() or field, parent=self)
        self._grid.addWidget(error, row, 0, 1, 4)
        for name in names:
            self._errors[name] = error

    def _build_bottom(self) -> QWidget:
        bottom = QWidget(self)
        self.generate_button = command_push_button(GENERATE, self._state, "primary", bottom)
        self.debug_button = command_push_button(DEBUG, self._state, "", bottom)
        self.break_button = command_button(BREAK, self._state, bottom)
        self.pause_button = command_button(PAUSE, self._state, bottom)
        self.cancel_button = command_button(CANCEL, self._state, bottom)
        self._reason = text_label("", "small", bottom, wraps=True)
        row = QHBoxLayout()
        row.setSpacing(SPACING // 2)
        row.addWidget(self.generate_button, 1)
        row.addWidget(self.debug_button)
        row.addWidget(self.break_button)
        row.addWidget(self.pause_button)
        row.addWidget(self.cancel_button)
        layout = QVBoxLayout(bottom)
        layout.setContentsMargins(SPACING * 2, SPACING, SPACING * 2, SPACING + SPACING // 2)
        layout.setSpacing(SPACING // 2)
        layout.addLayout(row)
        layout.addWidget(self._reason)
        return bottom

    def _on_focus_changed(self, _before: QWidget | None, now: QWidget | None) -> None:
        # Qt scrolls to a field for Tab, and not for its letter
        form = self._scroll.widget()
        if now is not None and form is not None and form.isAncestorOf(now):
            # not ensureWidgetVisible: of a field with a caret it shows the caret alone
            place = QRect(now.mapTo(form, QPoint(0, 0)), now.size())
            for corner in (place.bottomLeft(), place.topLeft()):
                self._scroll.ensureVisible(corner.x(), corner.y(), 0, SPACING)

    # --- following the state ---------------------------------------------------------------------------

    def _on_draft_changed(self, field: str) -> None:
        draft = self._state.generate.draft
        if field == "prompt":
            self.prompt.set_text(draft.prompt)
        elif field == "negative_prompt":
            self.negative.set_text(draft.negative_prompt)
        elif field == "mode":
            self.mode.set_chosen(draft.mode)
            starts_from_picture = draft.mode != "text_to_image"
            for widget in (self.source, self.strength, self._source_label, self._strength_label):
                widget.setVisible(starts_from_picture)
        self._refresh_problems()

    def _on_models_changed(self) -> None:
        model = self._state.generate.model
        modes = set(model.modes) if model is not None and model.modes else {mode[0] for mode in MODES}
        self.mode.set_available(modes, "This model can't do that")
        if model is not None and model.example_prompts:
            self.prompt.setPlaceholderText("For example: " + ", ".join(model.example_prompts[:3]))
        self._refresh_problems()
        self._refresh_bottom()

    def _refresh_problems(self) -> None:
        problems = self._state.generate.problems()
        sentences: dict[FieldError, str] = dict.fromkeys(self._errors.values(), "")
        for name, sentence in problems.items():
            if name in self._errors and not sentences[self._errors[name]]:
                sentences[self._errors[name]] = sentence
        for error, sentence in sentences.items():
            error.show_problem(sentence)

    def _refresh_bottom(self) -> None:
        blocker = self._state.generate.blocker()
        self.generate_button.setEnabled(not blocker)
        self.generate_button.setAccessibleDescription(blocker)
        self.debug_button.setEnabled(not blocker)
        self.debug_button.setAccessibleDescription(blocker)
        self.break_button.setEnabled(BREAK.enabled(self._state))
        # also what stands at its field: that may be scrolled out of view
        self._reason.setText(blocker)
        self._reason.setVisible(bool(blocker))
        run = followed_run(self._state)
        can_stop = run is not None and run.state != "stopping"
        if not can_stop and (self.pause_button.hasFocus() or self.cancel_button.hasFocus()):
            # Qt would hand the keyboard to whatever comes next, in another panel
            (self.generate_button if not blocker else self.prompt).setFocus()
        for button in (self.pause_button, self.cancel_button):
            # never hidden: a click on Cancel as the run ends would meet Generate, grown into its place
            button.setEnabled(can_stop)
        is_paused = run is not None and run.state == "paused"
        self.pause_button.setIcon(icon("play" if is_paused else "pause"))
        self.pause_button.setAccessibleName("Resume run" if is_paused else "Pause run")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh_bottom()
