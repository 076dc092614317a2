// The room's first file; replaced when its work begins.
