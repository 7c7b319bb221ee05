from_picture=None
