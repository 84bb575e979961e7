"""The commands of `permit-hub[stack]`: the whole stack on this machine, and what stands in for the world around it."""

import typer

from ops.commands.stack import mailbox
from ops.commands.stack.demo import demo, drill_restore
from ops.commands.stack.sandbox import sandbox
from ops.commands.stack.up import up

app = typer.Typer()
for command in (demo, drill_restore, up, sandbox):
    app.command()(command)
app.add_typer(mailbox.app)
