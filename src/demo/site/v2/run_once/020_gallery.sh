#!/bin/sh
# entracte: repeatable
# entracte: changes = uploads/gallery.txt
# Lists what visitors have uploaded, for the new gallery.
ls uploads > uploads/gallery.txt.new
mv uploads/gallery.txt.new uploads/gallery.txt
echo "the gallery lists $(wc -l < uploads/gallery.txt) uploads"
