"""What people hold, read into rows: COCO JSON, detections per image; box formats."""
