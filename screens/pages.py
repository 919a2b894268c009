"""The pages, in their order. A new page is a file and a line here."""

from byzwizard.screens.apply import Apply
from byzwizard.screens.hardware import Hardware
from byzwizard.screens.mesh import Mesh
from byzwizard.screens.node import Node
from byzwizard.screens.page import Page
from byzwizard.screens.review import Review
from byzwizard.screens.welcome import Welcome

PAGES: tuple[type[Page], ...] = (Welcome, Hardware, Mesh, Review, Apply, Node)
