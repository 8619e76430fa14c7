"""docs/registry: the registry as Markdown pages, a page for each licence and each family of models."""
