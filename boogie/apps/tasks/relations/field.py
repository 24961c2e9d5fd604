"""
``TaskRelation``: the rows of an object as an attribute of its model. It has no column.

As ``GenericRelation`` is, for keys that rows have as text. What Django joins by is a condition of
ours; and it is no relation that a deletion follows, which stays as fast as it was.
"""

from typing import TYPE_CHECKING, Any, overload

from django.db.models import DO_NOTHING, Model
from django.db.models.expressions import Col, ResolvedOuterRef
from django.db.models.fields.related import ForeignObject
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.db.models.query_utils import PathInfo
from django.db.models.sql.where import AND, WhereNode

from boogie.apps.tasks.db.reading.keys import KeyText

from . import about

if TYPE_CHECKING:
    from boogie.apps.tasks.models import TaskQuerySet

#: The model of rows, which is loaded when it can be.
ROWS = "boogie_tasks.Task"


class TaskRel(ForeignObjectRel):
    """The way from an object to its rows, for joins; there is none back."""

    def get_path_info(self, filtered_relation: Any = None) -> list[PathInfo]:
        """Return the same way: what is looked up are rows."""
        found: list[PathInfo] = self.field.get_path_info(filtered_relation)
        return found


class TaskRelation(ForeignObject):  # type: ignore[type-arg]
    """
    All rows about an object: ``tasks = TaskRelation()`` on its model.

    ``obj.tasks`` has what ``Task.objects.for_object(obj)`` has; the model's querysets may filter
    by it, and ``prefetch_related()`` reads it. It adds no column and no migration, and rows stay
    when their object is deleted, unless the policy of their task says otherwise.
    """

    auto_created = False
    empty_strings_allowed = False
    many_to_many = False
    many_to_one = False
    one_to_many = True
    one_to_one = False
    requires_unique_target = False
    rel_class = TaskRel
    mti_inherited = False

    def __init__(self, **options: Any) -> None:
        if options.keys() - {"verbose_name", "help_text", "name"}:
            unknown = ", ".join(sorted(options))
            raise TypeError(f"TaskRelation takes no options; it was given {unknown}.")
        rel = self.rel_class(self, ROWS, related_name="+", on_delete=DO_NOTHING)
        fixed: dict[str, Any] = {"null": True, "blank": True, "editable": False, "serialize": False}
        super().__init__(
            ROWS, DO_NOTHING, from_fields=["object_id"], to_fields=[], rel=rel, **fixed, **options
        )

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __get__(self, instance: None, owner: Any) -> "TaskRelation": ...
        @overload
        def __get__(self, instance: Model, owner: Any) -> "TaskQuerySet": ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...

    def deconstruct(self) -> Any:
        name, path, _args, _options = super().deconstruct()
        return name, path, [], {}

    def contribute_to_class(
        self, cls: Any, name: str, private_only: bool = True, **options: Any
    ) -> None:
        super().contribute_to_class(cls, name, private_only=True, **options)
        self.model = cls
        setattr(cls, self.name, Rows(self))

    def set_attributes_from_rel(self) -> None:
        """Keep the name: it is not that of the rows' model."""

    def get_internal_type(self) -> str:
        return "ManyToManyField"

    # --- joining ----------------------------------------------------------------------

    def resolve_related_fields(self) -> list[Any]:
        key: Any = self.model._meta.pk
        is_one_column = len(self.model._meta.pk_fields) == 1
        own = key if is_one_column else CompositeKey(key)
        return [(StoredKey(self._column("object_id")), own)]

    def get_joining_fields(self, reverse_join: bool = False) -> tuple[Any, ...]:
        """Return none: the types differ, and what joins is the condition below."""
        return ()

    def get_extra_restriction(self, alias: Any, related_alias: Any) -> Any:
        """
        Return the condition of rows: of the objects in ``alias``; without it, of the model.

        The latter is for an ``exclude()``, which compares keys by :class:`StoredKey`.
        """
        kind, place = (
            self._column(n).get_col(related_alias) for n in ("content_type", "object_db")
        )
        condition: Any = about.OfModel(self.model, kind, place)
        if alias is None:
            return WhereNode([condition], AND)
        object_id = self._column("object_id").get_col(related_alias)
        key: Any = self.model._meta.pk
        is_key: Any = about.of_key(object_id, key.get_col(alias))
        return WhereNode([is_key, condition], AND)

    def get_path_info(self, filtered_relation: Any = None) -> list[PathInfo]:
        rows: Any = self.remote_field.model
        way: Any = self.remote_field
        return [
            PathInfo(
                from_opts=self.model._meta,
                to_opts=rows._meta,
                target_fields=(rows._meta.pk,),
                join_field=way,
                m2m=True,
                direct=False,
                filtered_relation=filtered_relation,
            )
        ]

    def _column(self, name: str) -> Any:
        rows: Any = self.remote_field.model
        return rows._meta.get_field(name)


class StoredKey:
    """``object_id``, as something that keys of any type are compared with."""

    def __init__(self, field: Any) -> None:
        self._field = field

    def __getattr__(self, name: str) -> Any:
        return getattr(self._field, name)

    def get_col(self, alias: str, output_field: Any = None) -> Col:
        """Return the column, which names this as its target."""
        target: Any = self
        return Col(alias, target, self._field)

    def get_lookup(self, name: str) -> Any:
        """Return what compares: a key of an object around the query is made text first."""
        return _is_key if name == "exact" else self._field.get_lookup(name)


class KeyColumn(KeyText):
    """A composite key, as text, in place of a column: Django asks that for its target."""

    def __init__(self, key: Any, target: Any) -> None:
        super().__init__(key)
        self.target = target

    @property
    def alias(self) -> Any:
        """The table that it is of."""
        return self.get_source_expressions()[0].alias


class CompositeKey:
    """The composite key of a model, as something that is compared as one value is."""

    def __init__(self, field: Any) -> None:
        self._field = field

    def __getattr__(self, name: str) -> Any:
        return getattr(self._field, name)

    def get_col(self, alias: str, output_field: Any = None) -> KeyColumn:
        """Return the text of the key, which names this as its target."""
        return KeyColumn(self._field.get_col(alias), self)

    def get_lookup(self, name: str) -> Any:
        """Return what compares two keys: as text, or as Django does."""
        return _is_key if name == "exact" else self._field.get_lookup(name)


def _is_key(left: Any, right: Any) -> Any:
    if isinstance(right, ResolvedOuterRef):
        return about.of_key(left, right)
    return left.output_field.get_lookup("exact")(left, right)


class Rows:
    """The attribute: a manager of the rows about an instance."""

    def __init__(self, field: TaskRelation) -> None:
        self.field = field
        self.rel = field.remote_field

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        from .manager import of

        return of(instance, self.field.name)

    def __set__(self, instance: Any, value: Any) -> None:
        from .manager import refusal

        raise refusal(instance, self.field.name)
