"""Generated images of squares and disks, and a small detector of them: something to try a training loop on.

Both look like torchvision's: a data set gives an image [3, height, width] and its target, and a detector in training
mode gives losses, else a list of dicts of boxes, scores and labels. So a model of torchvision can take the place of
this one, and images of your own the place of these.
"""

import torch
from torch import nn
from torch.nn import functional

CLASSES = {1: "square", 2: "disk"}
SIZE, CELL = 80, 8  # pixels: the side of an image, and of a cell, in which the model finds one object of each class


class Shapes(torch.utils.data.Dataset):
    """n noisy images with one to three objects each, the same for the same seed."""

    def __init__(self, n, seed):
        generator = torch.Generator().manual_seed(seed)
        y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
        self.images = 0.3 * torch.rand(n, 3, SIZE, SIZE, generator=generator)
        self.targets = []
        for i, image in enumerate(self.images):
            n_objects = int(torch.randint(1, 4, (), generator=generator))
            radius = 6 + 14 * torch.rand(n_objects, 1, generator=generator)
            center = radius + (SIZE - 2 * radius) * torch.rand(n_objects, 2, generator=generator)
            labels = torch.randint(1, 3, (n_objects,), generator=generator)
            for (cx, cy), r, label in zip(center, radius, labels, strict=True):
                dx, dy = (x + 0.5 - cx).abs(), (y + 0.5 - cy).abs()
                inside = torch.maximum(dx, dy) < r if label == 1 else torch.hypot(dx, dy) < r
                image[:, inside] = 0.3 + 0.7 * torch.rand(3, 1, generator=generator)
            boxes = torch.cat([center - radius, center + radius], 1)
            self.targets.append({"boxes": boxes, "labels": labels, "image_id": i})

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i], self.targets[i]

    def pixels(self, image_id):
        """An image as Pillow and trackers take it: uint8 [height, width, 3]."""
        return (255 * self.images[image_id]).byte().permute(1, 2, 0).numpy()


def loader(images, batch_size, shuffle=False):
    """Batches as torchvision's detectors take them: a list of images, and a list of targets."""
    return torch.utils.data.DataLoader(
        images, batch_size, shuffle, collate_fn=lambda items: tuple(map(list, zip(*items, strict=True)))
    )


class Detector(nn.Module):
    """For each cell: is the center of an object in it, for each class, and how far are that object's four sides?"""

    def __init__(self):
        super().__init__()
        layers = []
        for n_in, n_out, stride in ((3, 16, 2), (16, 32, 2), (32, 32, 2), (32, 32, 1), (32, 32, 1)):
            layers += [nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(32, len(CLASSES) + 4, 1))
        nn.init.constant_(self.layers[-1].bias[: len(CLASSES)], -4)  # objects are rare
        y, x = torch.meshgrid(*[(torch.arange(SIZE // CELL) + 0.5) * CELL] * 2, indexing="ij")
        self.register_buffer("cell_centers", torch.stack([x, y, x, y]))
        self.register_buffer("outward", torch.tensor([-1.0, -1.0, 1.0, 1.0])[:, None, None])

    def forward(self, images, targets=None):
        """A dict of losses in training mode, else the detections of each image."""
        logits, sides = self.layers(torch.stack(images)).split([len(CLASSES), 4], dim=1)
        boxes = self.cell_centers + CELL * self.outward * functional.softplus(sides)
        return self.losses(logits, boxes, targets) if self.training else self.detections(logits, boxes)

    def losses(self, logits, boxes, targets):
        """Focal loss over all cells, and the distance of the boxes in the cells that have an object."""
        wanted = torch.zeros_like(logits)
        distance = 0.0
        for i, target in enumerate(targets):
            x, y = ((target["boxes"][:, :2] + target["boxes"][:, 2:]) / 2 / CELL).long().T
            wanted[i, target["labels"] - 1, y, x] = 1
            distance += functional.smooth_l1_loss(boxes[i, :, y, x].T / CELL, target["boxes"] / CELL, reduction="sum")
        surprise = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        focal = (1 - torch.exp(-surprise)) ** 2 * surprise
        return {"classes": focal.sum() / wanted.sum(), "boxes": distance / wanted.sum()}

    def detections(self, logits, boxes, limit=20):
        """The highest peaks of each image."""
        scores = logits.sigmoid()
        scores = scores * (scores == functional.max_pool2d(scores, 3, 1, 1))
        best = scores.flatten(1).topk(limit)
        labels, cells = best.indices // scores[0, 0].numel(), best.indices % scores[0, 0].numel()
        return [
            {"boxes": box.flatten(1)[:, cell].T, "scores": score, "labels": label + 1}
            for box, cell, score, label in zip(boxes, cells, best.values, labels, strict=True)
        ]
