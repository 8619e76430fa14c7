"""The registry, or a part of it, for other programs: JSON, JSON lines, CycloneDX, SPDX, checklists of obligations."""
