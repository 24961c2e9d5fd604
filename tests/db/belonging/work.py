"""What the rows of the model do, and what its batches call."""

from boogie.apps.tasks import Batch, Task
from tests.project.shop.models import Product
from tests.support.runs import declared

#: What a body has seen that it must not see; whoever looks at the world tells.
seen = []


@declared(name="db.belonging.step", bind=True)
def step(self, product):
    """Fail if there is nothing in stock; a growing one has another row join its batch before."""
    unfinished = [need for need in self.row.needs if need and not need.is_finished]
    if unfinished:
        seen.append(f"a row started before {unfinished} had finished")
    if product.name == "growing" and self.row.batch_id is not None:
        _grow(Batch.objects.get(pk=self.row.batch_id))
    return 1 / product.stock


def _grow(mine):
    try:
        step.using(batch=mine).delayed(Product.objects.get(name="fine"))
    except ValueError as error:
        seen.append(f"a row runs and cannot add to its batch: {error}")


#: What batches call, by the option.
CALLED = {
    option: declared(lambda about, done=None: None, name=f"db.belonging.{option}")
    for option in ("on_success", "on_failure", "on_end")
}


def calls():
    """Return the keys of the rows that batches have called, by the batch and the option."""
    found = {}
    for option, task in CALLED.items():
        for row in Task.objects.filter(name=task.name):
            assert row.batch_id is None, "what a batch calls is of a batch"
            key = row.args[0]["__value__"][1] if row.args else row.object_id
            found.setdefault((int(key), option), []).append(row.pk)
    return found
