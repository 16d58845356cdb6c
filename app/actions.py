"""The one registry of everything a person can do: menus, shortcuts, tool tips and the cheat-sheet are made from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget


def always() -> bool:
    """The condition of an action that can always be done."""
    return True


@dataclass(frozen=True)
class Action:
    """One thing a person can do.

    Attributes:
        id: stable name, "group.verb".
        text: what menus and the cheat-sheet say.
        keys: key sequences in Qt's portable form, the first one shown in menus.
        run: does it.
        menu: title of the menu it stands in; "" for none.
        enabled: whether it can be done now.
        checked: whether it is on, for actions that switch something.
        repeats: whether a held key does it again.
    """

    id: str
    text: str
    keys: tuple[str, ...]
    run: Callable[[], object]
    menu: str = ""
    enabled: Callable[[], bool] = always
    checked: Callable[[], bool] | None = None
    repeats: bool = False


class ActionRegistry(QObject):
    """Actions by id, and their `QAction`s on one window."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._actions: dict[str, Action] = {}
        self._qactions: dict[str, QAction] = {}

    def add(self, action: Action) -> None:
        """Register an action. Raises ValueError when its id or one of its keys is taken."""
        if action.id in self._actions:
            raise ValueError(f"action {action.id} is there already")
        for other in self:
            taken = set(other.keys) & set(action.keys)
            if taken:
                raise ValueError(f"{action.id} and {other.id} both want {', '.join(taken)}")
        self._actions[action.id] = action
        self._qactions[action.id] = self._make(action)

    def __getitem__(self, action_id: str) -> Action:
        return self._actions[action_id]

    def __iter__(self) -> Iterator[Action]:
        return iter(self._actions.values())

    def qaction(self, action_id: str) -> QAction:
        """The `QAction` of an action, for menus and tool bars."""
        return self._qactions[action_id]

    def trigger(self, action_id: str) -> None:
        """Do it, if it can be done now."""
        action = self._actions[action_id]
        if action.enabled():
            action.run()
            self.refresh()

    def refresh(self) -> None:
        """Bring the enabled and checked marks up to date."""
        for action in self:
            qaction = self._qactions[action.id]
            qaction.setEnabled(action.enabled())
            if action.checked is not None:
                qaction.setChecked(action.checked())

    def _make(self, action: Action) -> QAction:
        qaction = QAction(action.text, self._window)
        qaction.setShortcuts([QKeySequence(key, QKeySequence.SequenceFormat.PortableText) for key in action.keys])
        qaction.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        qaction.setAutoRepeat(action.repeats)
        qaction.setCheckable(action.checked is not None)
        qaction.setObjectName(action.id)
        qaction.triggered.connect(lambda _checked=False: self.trigger(action.id))
        self._window.addAction(qaction)
        return qaction
