<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="fr" sourcelanguage="en">
<context>
    <name>annotator</name>
    <message>
        <source> or </source>
        <translation> ou </translation>
    </message>
    <message>
        <source>% of the boxes of the class</source>
        <translation>% des boîtes de la classe</translation>
    </message>
    <message>
        <source>%v of %m</source>
        <translation>%v sur %m</translation>
    </message>
    <message>
        <source>%v of %m copies</source>
        <translation>%v copies sur %m</translation>
    </message>
    <message>
        <source>%v of %m pictures</source>
        <translation>%v images sur %m</translation>
    </message>
    <message>
        <source>&amp;Add</source>
        <translation>&amp;Ajouter</translation>
    </message>
    <message>
        <source>&amp;COCO, with confidences</source>
        <translation>&amp;COCO, avec les confiances</translation>
    </message>
    <message>
        <source>&amp;Colour…</source>
        <translation>&amp;Couleur…</translation>
    </message>
    <message>
        <source>&amp;Delete these boxes, too</source>
        <translation>&amp;Supprimer aussi ces boîtes</translation>
    </message>
    <message>
        <source>&amp;Delete…</source>
        <translation>&amp;Supprimer…</translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation>Éd&amp;ition</translation>
    </message>
    <message>
        <source>&amp;File</source>
        <translation>&amp;Fichier</translation>
    </message>
    <message>
        <source>&amp;Folder</source>
        <translation>&amp;Dossier</translation>
    </message>
    <message>
        <source>&amp;Go</source>
        <translation>A&amp;ller</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>Aid&amp;e</translation>
    </message>
    <message>
        <source>&amp;JSON as Darknet writes it</source>
        <translation>&amp;JSON comme Darknet l’écrit</translation>
    </message>
    <message>
        <source>&amp;Merge…</source>
        <translation>&amp;Fusionner…</translation>
    </message>
    <message>
        <source>&amp;Pictures with the boxes drawn</source>
        <translation>&amp;Images avec les boîtes dessinées</translation>
    </message>
    <message>
        <source>&amp;Rename</source>
        <translation>&amp;Renommer</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>Affi&amp;chage</translation>
    </message>
    <message>
        <source>&amp;YOLO text, with confidences</source>
        <translation>Texte &amp;YOLO, avec les confiances</translation>
    </message>
    <message numerus="yes">
        <source>({n} more errors)</source>
        <translation>
            <numerusform>({n} autre erreur)</numerusform>
            <numerusform>({n} autres erreurs)</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>({n} more files could not be saved)</source>
        <translation>
            <numerusform>({n} autre fichier n’a pu être enregistré)</numerusform>
            <numerusform>({n} autres fichiers n’ont pu être enregistrés)</numerusform>
        </translation>
    </message>
    <message>
        <source>0: no</source>
        <translation>0 : non</translation>
    </message>
    <message>
        <source>1,000</source>
        <translation>1 000</translation>
    </message>
    <message>
        <source>10 pictures back</source>
        <translation>10 images en arrière</translation>
    </message>
    <message>
        <source>10 pictures on</source>
        <translation>10 images en avant</translation>
    </message>
    <message>
        <source>100 %</source>
        <translation>100 %</translation>
    </message>
    <message>
        <source>1: yes</source>
        <translation>1 : oui</translation>
    </message>
    <message>
        <source>1…9 relabel · Del delete · Enter opens the picture, G comes back · Space shows it large · Shift or Ctrl selects several · + and − size · R refreshes</source>
        <translation>1…9 changent la classe · Suppr supprime · Entrée ouvre l’image, G en revient · Espace l’agrandit · Maj ou Ctrl en sélectionne plusieurs · + et − taille · R actualise</translation>
    </message>
    <message>
        <source>3: pictures in colour, 1: in grey; pretrained weights are for colour</source>
        <translation>3 : images en couleurs, 1 : en gris ; les poids préentraînés sont pour la couleur</translation>
    </message>
    <message>
        <source>70 / 15 / 15 %</source>
        <translation>70 / 15 / 15 %</translation>
    </message>
    <message>
        <source>95 % interval</source>
        <translation>intervalle à 95 %</translation>
    </message>
    <message>
        <source>A Darknet data set (obj/, split.csv, lists): for training with Darknet, here or elsewhere.</source>
        <translation>Un jeu de données Darknet (obj/, split.csv, listes) : pour l’entraînement avec Darknet, ici ou ailleurs.</translation>
    </message>
    <message>
        <source>A Darknet data set takes one folder or archive at a time: drop that.</source>
        <translation>Un jeu de données Darknet prend un dossier ou une archive à la fois : déposez-le ainsi.</translation>
    </message>
    <message>
        <source>A bar at the dashed line: of the predictions with this confidence just as many are right</source>
        <translation>Une barre sur la ligne tiretée : parmi les prédictions de cette confiance, autant sont justes</translation>
    </message>
    <message>
        <source>A cfg is chosen as the network; weights end in .weights, .backup or .conv.N.</source>
        <translation>Un cfg se choisit comme réseau ; les poids se terminent par .weights, .backup ou .conv.N.</translation>
    </message>
    <message>
        <source>A double click, or Enter, shows it large</source>
        <translation>Un double clic, ou Entrée, la montre en grand</translation>
    </message>
    <message>
        <source>A file:</source>
        <translation>Un fichier :</translation>
    </message>
    <message>
        <source>A folder of pictures to look at</source>
        <translation>Un dossier d’images à regarder</translation>
    </message>
    <message>
        <source>A free guess that overlaps a box more than this is not called wrong</source>
        <translation>Une boîte devinée en trop qui couvre plus que cela d’une boîte n’est pas dite fausse</translation>
    </message>
    <message>
        <source>A line for each box: for spreadsheets, TensorFlow's and Keras' tools, own scripts.</source>
        <translation>Une ligne par boîte : pour les tableurs, les outils de TensorFlow et de Keras, vos scripts.</translation>
    </message>
    <message>
        <source>A name needs at least one character that can be seen.</source>
        <translation>Un nom doit avoir au moins un caractère visible.</translation>
    </message>
    <message>
        <source>A network that begins at random has to learn first what pictures look like: on few pictures that takes many times the iterations, hours more, and finds less in the end.</source>
        <translation>Un réseau qui part du hasard doit d’abord apprendre à quoi ressemblent des images : avec peu d’images, cela demande bien plus d’itérations, des heures de plus, et il trouve moins à la fin.</translation>
    </message>
    <message>
        <source>A new folder for the set</source>
        <translation>Un nouveau dossier pour le jeu</translation>
    </message>
    <message>
        <source>A picture cannot be pasted into a Darknet data set: paste it into its source.</source>
        <translation>On ne peut coller une image dans un jeu de données Darknet : collez-la dans sa source.</translation>
    </message>
    <message>
        <source>A picture with a rare class often shows common ones too, and a copy adds all of them. The plan says how many copies of which training picture come nearest to a target. Val and test stay as they are.</source>
        <translation>Une image d’une classe rare montre souvent aussi des classes courantes, et une copie les ajoute toutes. Le plan dit combien de copies de quelle image d’entraînement approchent le mieux d’une cible. Val et test restent tels quels.</translation>
    </message>
    <message>
        <source>A second run is needed: train another one.</source>
        <translation>Il faut un deuxième entraînement : faites-en un autre.</translation>
    </message>
    <message>
        <source>A shorter name is safe.</source>
        <translation>Un nom plus court est sûr.</translation>
    </message>
    <message>
        <source>A training can start, but look at this</source>
        <translation>Un entraînement peut démarrer, mais regardez ceci</translation>
    </message>
    <message>
        <source>A training is running.</source>
        <translation>Un entraînement est en cours.</translation>
    </message>
    <message>
        <source>A training of this set</source>
        <translation>Un entraînement de ce jeu</translation>
    </message>
    <message>
        <source>A training of this set (there is none with weights yet)</source>
        <translation>Un entraînement de ce jeu (aucun n’a encore de poids)</translation>
    </message>
    <message>
        <source>A training of this set goes on: see the Train page.</source>
        <translation>Un entraînement de ce jeu continue : voir la page Entraînement.</translation>
    </message>
    <message>
        <source>AP and mAP are counted by Darknet's rules, as its detector map prints them. COCO's numbers follow COCO's: AP is the mean over IoU 0.50 to 0.95, s, m, l: boxes below 32², up to 96², and larger; a class without a box is left out of its mean and counts as 0 in Darknet's.</source>
        <translation>AP et mAP sont comptées selon les règles de Darknet, comme son detector map les affiche. Les nombres de COCO suivent celles de COCO : AP est la moyenne des IoU de 0.50 à 0.95; s, m, l : boîtes sous 32², jusqu’à 96², et plus grandes; une classe sans boîte n’entre pas dans sa moyenne et compte pour 0 dans celle de Darknet.</translation>
    </message>
    <message>
        <source>AP by the size of the boxes</source>
        <translation>AP selon la taille des boîtes</translation>
    </message>
    <message>
        <source>AP on val, %</source>
        <translation>AP sur val, %</translation>
    </message>
    <message numerus="yes">
        <source>AP@0.50 in percent on validation, {n} pictures: ★ chosen, bold: the highest of a column</source>
        <translation>
            <numerusform>AP@0.50 en pour cent sur la validation, {n} image : ★ choisi, gras : le plus haut d’une colonne</numerusform>
            <numerusform>AP@0.50 en pour cent sur la validation, {n} images : ★ choisi, gras : le plus haut d’une colonne</numerusform>
        </translation>
    </message>
    <message>
        <source>AP@0.50, %</source>
        <translation>AP@0.50, %</translation>
    </message>
    <message>
        <source>About mask-annotator</source>
        <translation>À propos de mask-annotator</translation>
    </message>
    <message>
        <source>About so many points of mAP@0.50 more, if only this mistake were gone</source>
        <translation>À peu près autant de points de mAP@0.50 en plus, si cette seule erreur disparaissait</translation>
    </message>
    <message>
        <source>Accept all new predictions</source>
        <translation>Accepter toutes les nouvelles prédictions</translation>
    </message>
    <message>
        <source>Accept as {name}</source>
        <translation>Accepter comme {name}</translation>
    </message>
    <message>
        <source>Accept predictions</source>
        <translation>Accepter des prédictions</translation>
    </message>
    <message>
        <source>Accept predictions in all unlabelled pictures…</source>
        <translation>Accepter les prédictions des images sans étiquettes…</translation>
    </message>
    <message>
        <source>Accept the selected prediction</source>
        <translation>Accepter la prédiction sélectionnée</translation>
    </message>
    <message>
        <source>Accuracy</source>
        <translation>Précision</translation>
    </message>
    <message>
        <source>Action</source>
        <translation>Action</translation>
    </message>
    <message>
        <source>Activations and deltas of {pictures}: {activations:.2f} GB
Weights, gradients and momentum: {weights:.2f} GB
Workspace of the largest convolution: {workspace:.2f} GB (cuDNN: up to {cudnn:.2f} GB)
Copies in half precision, where Darknet was built for them: {halves:.2f} GB
CUDA itself: {context:.1f} to {more:.1f} GB
Counted array by array from Darknet's source, not measured on your card.</source>
        <translation>Activations et deltas de {pictures} : {activations:.2f} Go
Poids, gradients et moment : {weights:.2f} Go
Espace de travail de la plus grande convolution : {workspace:.2f} Go (cuDNN : jusqu’à {cudnn:.2f} Go)
Copies en demi-précision, si Darknet a été compilé pour cela : {halves:.2f} Go
CUDA lui-même : de {context:.1f} à {more:.1f} Go
Compté tableau par tableau d’après le code de Darknet, non mesuré sur votre carte.</translation>
    </message>
    <message>
        <source>Add</source>
        <translation>Ajouter</translation>
    </message>
    <message>
        <source>Add a folder of pictures…</source>
        <translation>Ajouter un dossier d’images…</translation>
    </message>
    <message>
        <source>Add class</source>
        <translation>Ajouter une classe</translation>
    </message>
    <message>
        <source>Add class…</source>
        <translation>Ajouter une classe…</translation>
    </message>
    <message>
        <source>Add it as a new class</source>
        <translation>L’ajouter comme nouvelle classe</translation>
    </message>
    <message>
        <source>Add pictures</source>
        <translation>Ajouter des images</translation>
    </message>
    <message>
        <source>Add pictures…</source>
        <translation>Ajouter des images…</translation>
    </message>
    <message>
        <source>Add the pictures of a folder</source>
        <translation>Ajouter les images d’un dossier</translation>
    </message>
    <message>
        <source>Add them</source>
        <translation>Les ajouter</translation>
    </message>
    <message>
        <source>Add this frame to the open set, with the boxes that are shown to review (L)</source>
        <translation>Ajouter cette image au jeu ouvert, avec les boîtes montrées, à vérifier (L)</translation>
    </message>
    <message>
        <source>Add to this set</source>
        <translation>Ajouter à ce jeu</translation>
    </message>
    <message>
        <source>Add to {set}</source>
        <translation>Ajouter à {set}</translation>
    </message>
    <message>
        <source>Add {boxes} to {pictures} without labels?</source>
        <translation>Ajouter {boxes} à {pictures} sans étiquettes?</translation>
    </message>
    <message numerus="yes">
        <source>Add {n} pictures</source>
        <translation>
            <numerusform>Ajouter {n} image</numerusform>
            <numerusform>Ajouter {n} images</numerusform>
        </translation>
    </message>
    <message>
        <source>Adding copies them; you see first what will happen, and can undo it.</source>
        <translation>L’ajout les copie; vous voyez d’abord ce qui se passera et pouvez l’annuler.</translation>
    </message>
    <message>
        <source>Adding {name}…</source>
        <translation>Ajout de {name}…</translation>
    </message>
    <message>
        <source>All</source>
        <translation>Tout</translation>
    </message>
    <message>
        <source>All as it was</source>
        <translation>Tout comme avant</translation>
    </message>
    <message>
        <source>All as the list says</source>
        <translation>Tout selon la liste</translation>
    </message>
    <message>
        <source>All boxes are of class {name}.</source>
        <translation>Toutes les boîtes sont de la classe {name}.</translation>
    </message>
    <message>
        <source>All boxes of {names} become:</source>
        <translation>Toutes les boîtes de {names} deviennent :</translation>
    </message>
    <message>
        <source>All changes are saved</source>
        <translation>Tout est enregistré</translation>
    </message>
    <message>
        <source>All classes have the same number of boxes.</source>
        <translation>Toutes les classes ont le même nombre de boîtes.</translation>
    </message>
    <message>
        <source>All files</source>
        <translation>Tous les fichiers</translation>
    </message>
    <message>
        <source>All pictures are reviewed.</source>
        <translation>Toutes les images sont vérifiées.</translation>
    </message>
    <message numerus="yes">
        <source>All pictures of this list are reviewed; {n} outside it are not.</source>
        <translation>
            <numerusform>Toutes les images de cette liste sont vérifiées; {n} hors de la liste ne l’est pas.</numerusform>
            <numerusform>Toutes les images de cette liste sont vérifiées; {n} hors de la liste ne le sont pas.</numerusform>
        </translation>
    </message>
    <message>
        <source>All these pictures in Label</source>
        <translation>Toutes à l’étiquetage</translation>
    </message>
    <message>
        <source>All validation pictures</source>
        <translation>Toutes les images de validation</translation>
    </message>
    <message>
        <source>All {all} layers are kept, with the classes renamed: {pairs}.</source>
        <translation>Les {all} couches sont toutes gardées, les classes étant renommées : {pairs}.</translation>
    </message>
    <message>
        <source>All {all} layers are kept. Nothing beside it says which classes it knows: they are taken for {names}, in this order.</source>
        <translation>Les {all} couches sont toutes gardées. Rien à côté ne dit quelles classes il connaît : elles sont prises pour {names}, dans cet ordre.</translation>
    </message>
    <message>
        <source>All {all} layers are kept: it goes on from what it knows.</source>
        <translation>Les {all} couches sont toutes gardées : il continue à partir de ce qu’il sait.</translation>
    </message>
    <message numerus="yes">
        <source>All {n} GPUs at once</source>
        <translation>
            <numerusform>{n} GPU à la fois</numerusform>
            <numerusform>Les {n} GPU à la fois</numerusform>
        </translation>
    </message>
    <message>
        <source>All {what} with {name} has {count} copies, the most that is allowed.</source>
        <translation>Toute {what} avec {name} a {count} copies, le maximum permis.</translation>
    </message>
    <message>
        <source>All {what} with {name} have {count} copies, the most that is allowed.</source>
        <translation>Toutes les {what} avec {name} ont {count} copies, le maximum permis.</translation>
    </message>
    <message>
        <source>Allow writing</source>
        <translation>Permettre l’écriture</translation>
    </message>
    <message>
        <source>Allow writing there.</source>
        <translation>Autorisez l’écriture à cet endroit.</translation>
    </message>
    <message>
        <source>Also keep the running mean of the weights (…_ema.weights), which is often better</source>
        <translation>Garder aussi la moyenne courante des poids (…_ema.weights), souvent meilleure</translation>
    </message>
    <message>
        <source>Also list boxes under 8 px at this size of the network</source>
        <translation>Lister aussi les boîtes de moins de 8 px à cette taille du réseau</translation>
    </message>
    <message>
        <source>Also the names of files, folders and classes</source>
        <translation>Avec les noms des fichiers, des dossiers et des classes</translation>
    </message>
    <message numerus="yes">
        <source>Also the {n} pictures that are not labelled yet, as empty</source>
        <translation>
            <numerusform>Aussi {n} image qui n’est pas encore étiquetée, comme vide</numerusform>
            <numerusform>Aussi {n} images qui ne sont pas encore étiquetées, comme vides</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Also the {n} pictures that are there already, pixel for pixel</source>
        <translation>
            <numerusform>Aussi {n} image qui s’y trouve déjà, au pixel près</numerusform>
            <numerusform>Aussi {n} images qui s’y trouvent déjà, au pixel près</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Also the {n} pictures that show nearly the same as one that is there</source>
        <translation>
            <numerusform>Aussi {n} image qui montre presque la même chose qu’une autre du jeu</numerusform>
            <numerusform>Aussi {n} images qui montrent presque la même chose qu’une autre du jeu</numerusform>
        </translation>
    </message>
    <message>
        <source>Also: {operations}.</source>
        <translation>De plus : {operations}.</translation>
    </message>
    <message>
        <source>Anchors</source>
        <translation>Ancres</translation>
    </message>
    <message>
        <source>Anchors are the sizes that the network guesses boxes from. They are chosen by k-means over the boxes of the training split, and only used where they fit better.</source>
        <translation>Les ancres sont les tailles à partir desquelles le réseau devine les boîtes. Elles sont choisies par k-moyennes sur les boîtes de la partie train, et ne servent que là où elles conviennent mieux.</translation>
    </message>
    <message>
        <source>Anchors that overlap a box more than this learn it, too</source>
        <translation>Les ancres qui couvrent plus que cela d’une boîte l’apprennent aussi</translation>
    </message>
    <message>
        <source>Anchors: for this set</source>
        <translation>Ancres : pour ce jeu</translation>
    </message>
    <message>
        <source>Another number gives another split; the same one the same split again</source>
        <translation>Un autre nombre donne une autre répartition; le même, encore la même</translation>
    </message>
    <message>
        <source>Another program has the GPU for itself ({error}): end it (nvidia-smi names it), and resume.</source>
        <translation>Un autre programme garde la carte graphique pour lui ({error}) : terminez-le (nvidia-smi le nomme), puis reprenez.</translation>
    </message>
    <message>
        <source>Another program…</source>
        <translation>Autre programme…</translation>
    </message>
    <message>
        <source>Another training of this set, or files from elsewhere</source>
        <translation>Un autre entraînement de ce jeu, ou des fichiers venus d’ailleurs</translation>
    </message>
    <message>
        <source>Appearance</source>
        <translation>Apparence</translation>
    </message>
    <message>
        <source>Archives</source>
        <translation>Archives</translation>
    </message>
    <message>
        <source>Are the confidences what they say?</source>
        <translation>Les confiances disent-elles vrai?</translation>
    </message>
    <message>
        <source>As COCO counts: small below 32², large from 96² square pixels. Each picture is stretched to the network's input, as AlexeyAB's Darknet does.</source>
        <translation>Comme COCO : petite sous 32², grande dès 96² pixels carrés. Chaque image est étirée à l’entrée du réseau, comme le fait le Darknet d’AlexeyAB.</translation>
    </message>
    <message>
        <source>As fast as {run} was at its best; slower while other programs work.</source>
        <translation>Aussi vite que {run} au mieux de sa forme ; plus lent quand d’autres programmes travaillent.</translation>
    </message>
    <message>
        <source>As it is</source>
        <translation>Telle quelle</translation>
    </message>
    <message>
        <source>As the screen needs</source>
        <translation>Selon l’écran</translation>
    </message>
    <message>
        <source>As the system</source>
        <translation>Selon le système</translation>
    </message>
    <message>
        <source>At least so much; higher is worse</source>
        <translation>Au moins autant; plus haut est pire</translation>
    </message>
    <message>
        <source>At {width} × {height}: {wide} × {high} px</source>
        <translation>À {width} × {height} : {wide} × {high} px</translation>
    </message>
    <message>
        <source>Augment</source>
        <translation>Augmentation</translation>
    </message>
    <message>
        <source>Augmentation: {some}</source>
        <translation>Augmentation : {some}</translation>
    </message>
    <message>
        <source>Augmented copies: {before} → {after}</source>
        <translation>Copies augmentées : {before} → {after}</translation>
    </message>
    <message>
        <source>Average IoU of {boxes} with the best anchor: {before:.1f} % now, {after:.1f} % chosen.</source>
        <translation>IoU moyenne de {boxes} avec la meilleure ancre : {before:.1f} % maintenant, {after:.1f} % avec les choisies.</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Retour</translation>
    </message>
    <message>
        <source>Back to the network's values</source>
        <translation>Revenir aux valeurs du réseau</translation>
    </message>
    <message>
        <source>Back to the start page</source>
        <translation>Retour à la page de départ</translation>
    </message>
    <message>
        <source>Balance</source>
        <translation>Équilibre</translation>
    </message>
    <message>
        <source>Batch</source>
        <translation>Lot</translation>
    </message>
    <message>
        <source>Before you go</source>
        <translation>Avant de partir</translation>
    </message>
    <message>
        <source>Begin with what was learned from other pictures</source>
        <translation>Partir de ce qui a été appris d’autres images</translation>
    </message>
    <message>
        <source>Begun</source>
        <translation>Début</translation>
    </message>
    <message>
        <source>Best and last weights: {names}.</source>
        <translation>Meilleurs et derniers poids : {names}.</translation>
    </message>
    <message>
        <source>Best mAP</source>
        <translation>Meilleure mAP</translation>
    </message>
    <message>
        <source>Blanks around a class name</source>
        <translation>Espaces autour d’un nom de classe</translation>
    </message>
    <message>
        <source>Blur of the surroundings of the boxes, in pixels</source>
        <translation>Flou des alentours des boîtes, en pixels</translation>
    </message>
    <message>
        <source>Bold: changed by you. An empty field is what the network says.</source>
        <translation>En gras : changé par vous. Un champ vide garde ce que dit le réseau.</translation>
    </message>
    <message>
        <source>Both make as many mistakes on each picture.</source>
        <translation>Les deux font autant d’erreurs sur chaque image.</translation>
    </message>
    <message>
        <source>Both pictures with their boxes</source>
        <translation>Les deux images avec leurs boîtes</translation>
    </message>
    <message>
        <source>Box far outside the picture</source>
        <translation>Boîte loin hors de l’image</translation>
    </message>
    <message>
        <source>Box outside the picture</source>
        <translation>Boîte hors de l’image</translation>
    </message>
    <message>
        <source>Box repeated</source>
        <translation>Boîte répétée</translation>
    </message>
    <message>
        <source>Box without area</source>
        <translation>Boîte sans surface</translation>
    </message>
    <message>
        <source>Box {place} of {count}</source>
        <translation>Boîte {place} sur {count}</translation>
    </message>
    <message>
        <source>Boxes</source>
        <translation>Boîtes</translation>
    </message>
    <message>
        <source>Boxes ({count})</source>
        <translation>Boîtes ({count})</translation>
    </message>
    <message>
        <source>Boxes are hidden</source>
        <translation>Les boîtes sont masquées</translation>
    </message>
    <message>
        <source>Boxes are hidden ({key} shows them)</source>
        <translation>Les boîtes sont masquées ({key} les affiche)</translation>
    </message>
    <message>
        <source>Boxes fit the picture</source>
        <translation>Boîtes justes pour l’image</translation>
    </message>
    <message>
        <source>Boxes of class {name}, copies included: {before} → {after}</source>
        <translation>Boîtes de la classe {name}, copies comprises : {before} → {after}</translation>
    </message>
    <message>
        <source>Boxes of each class</source>
        <translation>Boîtes de chaque classe</translation>
    </message>
    <message>
        <source>Boxes of each class: the rarer a class, the more each of its boxes weighs</source>
        <translation>Boîtes de chaque classe : plus une classe est rare, plus chacune de ses boîtes pèse</translation>
    </message>
    <message>
        <source>Boxes of one picture that count, the others are left out</source>
        <translation>Boîtes d’une image qui comptent, les autres sont laissées de côté</translation>
    </message>
    <message>
        <source>Boxes of the previous picture</source>
        <translation>Boîtes de l’image précédente</translation>
    </message>
    <message>
        <source>Boxes of this picture</source>
        <translation>Boîtes de cette image</translation>
    </message>
    <message>
        <source>Boxes on a picture</source>
        <translation>Boîtes par image</translation>
    </message>
    <message>
        <source>Bring back</source>
        <translation>Restaurer</translation>
    </message>
    <message>
        <source>Bring back the label files mended last</source>
        <translation>Restaurer les derniers fichiers corrigés</translation>
    </message>
    <message>
        <source>Bring it over</source>
        <translation>La reprendre</translation>
    </message>
    <message>
        <source>Bring it over.</source>
        <translation>Reprenez-la.</translation>
    </message>
    <message>
        <source>Bring the classes into that order (convert-cli --classes), or start from other weights.</source>
        <translation>Mettez les classes dans cet ordre (convert-cli --classes) ou partez d’autres poids.</translation>
    </message>
    <message>
        <source>Bring them over; what stands here is kept.</source>
        <translation>Reprenez-les ; ce qui est ici est conservé.</translation>
    </message>
    <message>
        <source>Bringing labels over</source>
        <translation>Reprise des étiquettes</translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation>Parcourir…</translation>
    </message>
    <message>
        <source>Build Darknet anew on this machine, or choose another.</source>
        <translation>Compilez Darknet à nouveau sur cette machine ou choisissez-en un autre.</translation>
    </message>
    <message>
        <source>Build it with -O3 instead of -Ofast (in its Makefile), or train yolov3-tiny.</source>
        <translation>Compilez-le avec -O3 au lieu de -Ofast (dans son Makefile) ou entraînez yolov3-tiny.</translation>
    </message>
    <message>
        <source>Build it with CUDNN=1.</source>
        <translation>Compilez-le avec CUDNN=1.</translation>
    </message>
    <message>
        <source>Build it with GPU=1 (and CUDNN=1).</source>
        <translation>Compilez-le avec GPU=1 (et CUDNN=1).</translation>
    </message>
    <message>
        <source>Built on</source>
        <translation>Bâti sur</translation>
    </message>
    <message>
        <source>By disagreement of the predictions</source>
        <translation>Par désaccord des prédictions</translation>
    </message>
    <message>
        <source>By name</source>
        <translation>Par nom</translation>
    </message>
    <message>
        <source>By number of boxes</source>
        <translation>Par nombre de boîtes</translation>
    </message>
    <message>
        <source>By smallest box</source>
        <translation>Par plus petite boîte</translation>
    </message>
    <message>
        <source>By what the learning rate is multiplied at each of the steps</source>
        <translation>Ce qui multiplie le taux d’apprentissage à chacune des steps</translation>
    </message>
    <message>
        <source>CUDA finds no such GPU ({error}): see whether nvidia-smi lists it, whether CUDA_VISIBLE_DEVICES hides it, and restart the machine after an update of the driver.</source>
        <translation>CUDA ne trouve pas cette carte graphique ({error}) : voyez si nvidia-smi la cite, si CUDA_VISIBLE_DEVICES la cache, et redémarrez la machine après une mise à jour du pilote.</translation>
    </message>
    <message>
        <source>Camera</source>
        <translation>Caméra</translation>
    </message>
    <message>
        <source>Can be written now: {folder}</source>
        <translation>On peut y écrire maintenant : {folder}</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Annuler</translation>
    </message>
    <message>
        <source>Cancelled; nothing was changed.</source>
        <translation>Annulé; rien n’a été changé.</translation>
    </message>
    <message>
        <source>Cancelled; nothing was written.</source>
        <translation>Annulé; rien n’a été écrit.</translation>
    </message>
    <message>
        <source>Cancelling…</source>
        <translation>Annulation…</translation>
    </message>
    <message>
        <source>Change classes…</source>
        <translation>Changer les classes…</translation>
    </message>
    <message>
        <source>Change nothing</source>
        <translation>Ne rien changer</translation>
    </message>
    <message>
        <source>Change the input's size every ten iterations; slower, needs more memory</source>
        <translation>Changer la taille de l’entrée toutes les dix itérations; plus lent, demande plus de mémoire</translation>
    </message>
    <message>
        <source>Change the keys…</source>
        <translation>Changer les touches…</translation>
    </message>
    <message numerus="yes">
        <source>Changes at most {n} label files.</source>
        <translation>
            <numerusform>Change au plus {n} fichier d’étiquettes.</numerusform>
            <numerusform>Change au plus {n} fichiers d’étiquettes.</numerusform>
        </translation>
    </message>
    <message>
        <source>Changing labels</source>
        <translation>Modification des étiquettes</translation>
    </message>
    <message>
        <source>Changing labels…</source>
        <translation>Modification des étiquettes…</translation>
    </message>
    <message>
        <source>Charts as a picture (PNG)…</source>
        <translation>Graphiques en une image (PNG)…</translation>
    </message>
    <message>
        <source>Check</source>
        <translation>Contrôle</translation>
    </message>
    <message>
        <source>Check again</source>
        <translation>Contrôler encore</translation>
    </message>
    <message>
        <source>Check: fine</source>
        <translation>Contrôle : correct</translation>
    </message>
    <message>
        <source>Check: {errors}</source>
        <translation>Contrôle : {errors}</translation>
    </message>
    <message>
        <source>Check: {warnings}</source>
        <translation>Contrôle : {warnings}</translation>
    </message>
    <message>
        <source>Checking first…</source>
        <translation>Vérification d’abord…</translation>
    </message>
    <message>
        <source>Checking…</source>
        <translation>Contrôle…</translation>
    </message>
    <message>
        <source>Checking… {done} of {total} pictures</source>
        <translation>Vérification… {done} images sur {total}</translation>
    </message>
    <message>
        <source>Choose Darknet…</source>
        <translation>Choisir Darknet…</translation>
    </message>
    <message>
        <source>Choose a cfg</source>
        <translation>Choisir un cfg</translation>
    </message>
    <message>
        <source>Choose a folder to write to.</source>
        <translation>Choisissez un dossier où écrire.</translation>
    </message>
    <message>
        <source>Choose a network first: the button “Network…”.</source>
        <translation>Choisissez d’abord un réseau : le bouton « Réseau… ».</translation>
    </message>
    <message>
        <source>Choose anchors for this set</source>
        <translation>Choisir des ancres pour ce jeu</translation>
    </message>
    <message>
        <source>Choose pictures to look at; or drop them here</source>
        <translation>Choisir des images à regarder ; ou déposez-les ici</translation>
    </message>
    <message>
        <source>Choose the darknet program</source>
        <translation>Choisir le programme darknet</translation>
    </message>
    <message>
        <source>Choose the network of the predictions…</source>
        <translation>Choisir le réseau des prédictions…</translation>
    </message>
    <message>
        <source>Choose the program itself: it is called darknet and lies where it was built.</source>
        <translation>Choisissez le programme lui-même : il s’appelle darknet et se trouve là où il a été compilé.</translation>
    </message>
    <message>
        <source>Choose weights</source>
        <translation>Choisir des poids</translation>
    </message>
    <message>
        <source>Choose {network} as the network, or other weights.</source>
        <translation>Choisissez {network} comme réseau, ou d’autres poids.</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>Choisir…</translation>
    </message>
    <message>
        <source>Choosing anchors…</source>
        <translation>Choix des ancres…</translation>
    </message>
    <message>
        <source>Class</source>
        <translation>Classe</translation>
    </message>
    <message>
        <source>Class balance</source>
        <translation>Équilibre des classes</translation>
    </message>
    <message>
        <source>Class in the set</source>
        <translation>Classe dans le jeu</translation>
    </message>
    <message>
        <source>Class names</source>
        <translation>Noms des classes</translation>
    </message>
    <message>
        <source>Class names alike</source>
        <translation>Noms de classes semblables</translation>
    </message>
    <message>
        <source>Class not in the list</source>
        <translation>Classe absente de la liste</translation>
    </message>
    <message>
        <source>Class of the selected boxes, else of the next box</source>
        <translation>Classe des boîtes sélectionnées, sinon de la prochaine</translation>
    </message>
    <message>
        <source>Class of the selected boxes, else of the next box you draw</source>
        <translation>Classe des boîtes sélectionnées, sinon de la prochaine que vous tracerez</translation>
    </message>
    <message>
        <source>Class of the selected crops</source>
        <translation>Classe des vignettes sélectionnées</translation>
    </message>
    <message>
        <source>Class that is no object</source>
        <translation>Classe qui n’est pas un objet</translation>
    </message>
    <message>
        <source>Class weights for Darknet, once these copies are made</source>
        <translation>Poids des classes pour Darknet, une fois ces copies faites</translation>
    </message>
    <message>
        <source>Class without a box</source>
        <translation>Classe sans boîte</translation>
    </message>
    <message>
        <source>Class {number}</source>
        <translation>Classe {number}</translation>
    </message>
    <message>
        <source>Classes</source>
        <translation>Classes</translation>
    </message>
    <message>
        <source>Classes are called by their ids; nothing is written</source>
        <translation>Les classes portent leurs numéros comme noms; rien n’est écrit</translation>
    </message>
    <message>
        <source>Classes of the network</source>
        <translation>Classes du réseau</translation>
    </message>
    <message>
        <source>Classes of the network…</source>
        <translation>Classes du réseau…</translation>
    </message>
    <message>
        <source>Classes that meet most</source>
        <translation>Classes le plus souvent ensemble</translation>
    </message>
    <message>
        <source>Classes that the set does not know</source>
        <translation>Classes que le jeu ne connaît pas</translation>
    </message>
    <message>
        <source>Classes to show</source>
        <translation>Classes à afficher</translation>
    </message>
    <message>
        <source>Classes without a tick are not shown, and not saved</source>
        <translation>Les classes sans coche ne sont ni montrées ni enregistrées</translation>
    </message>
    <message>
        <source>Classes: {names}. Batch {batch} / {subdivisions}.</source>
        <translation>Classes : {names}. Lot {batch} / {subdivisions}.</translation>
    </message>
    <message>
        <source>Classes…</source>
        <translation>Classes…</translation>
    </message>
    <message>
        <source>Clear</source>
        <translation>Effacer</translation>
    </message>
    <message>
        <source>Click (Space): hide this curve, or show it. Double click: show it alone, or all again.</source>
        <translation>Clic (Espace) : masquer cette courbe ou l’afficher. Double clic : l’afficher seule, ou toutes de nouveau.</translation>
    </message>
    <message>
        <source>Click a bar, or double-click a row, to see these pictures in the list.</source>
        <translation>Cliquez sur une barre, ou double-cliquez sur une ligne, pour voir ces images dans la liste.</translation>
    </message>
    <message>
        <source>Click a box, or press Tab</source>
        <translation>Cliquez sur une boîte ou appuyez sur Tab</translation>
    </message>
    <message>
        <source>Click beside a curve: which confidence is there</source>
        <translation>Cliquez près d’une courbe : la confiance à cet endroit</translation>
    </message>
    <message>
        <source>Click here and press a key to add it</source>
        <translation>Cliquez ici et appuyez sur une touche</translation>
    </message>
    <message>
        <source>Click into a diagram to read the confidence off a curve.</source>
        <translation>Cliquez dans un diagramme pour lire la confiance sur une courbe.</translation>
    </message>
    <message>
        <source>Click or drag: go to that place of the video</source>
        <translation>Cliquer ou glisser : aller à cet endroit de la vidéo</translation>
    </message>
    <message>
        <source>Click to see these pictures.</source>
        <translation>Cliquez pour voir ces images.</translation>
    </message>
    <message>
        <source>Click: the next picture that is not reviewed (PgDn)</source>
        <translation>Clic : la prochaine image non vérifiée (Page suiv)</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Fermer</translation>
    </message>
    <message>
        <source>Close the video, or give the camera back</source>
        <translation>Fermer la vidéo, ou rendre la caméra</translation>
    </message>
    <message>
        <source>Close this message</source>
        <translation>Fermer ce message</translation>
    </message>
    <message>
        <source>Collecting</source>
        <translation>Collecte</translation>
    </message>
    <message>
        <source>Colour</source>
        <translation>Couleur</translation>
    </message>
    <message>
        <source>Colour of {name}</source>
        <translation>Couleur de {name}</translation>
    </message>
    <message>
        <source>Colours become up to so many times stronger or weaker</source>
        <translation>Les couleurs deviennent jusqu’à autant de fois plus fortes ou plus faibles</translation>
    </message>
    <message>
        <source>Colours turn by up to this part of the circle</source>
        <translation>Les couleurs tournent jusqu’à cette part du cercle</translation>
    </message>
    <message>
        <source>Colours:</source>
        <translation>Couleurs :</translation>
    </message>
    <message>
        <source>Command</source>
        <translation>Commande</translation>
    </message>
    <message>
        <source>Compare the pictures</source>
        <translation>Comparer les images</translation>
    </message>
    <message>
        <source>Compare them side by side, and take over the better boxes.</source>
        <translation>Comparez-les côte à côte et reprenez les meilleures boîtes.</translation>
    </message>
    <message>
        <source>Comparing crops: %v of %m pictures</source>
        <translation>Comparaison des vignettes : %v images sur %m</translation>
    </message>
    <message>
        <source>Comparing pictures</source>
        <translation>Comparaison des images</translation>
    </message>
    <message>
        <source>Comparing pictures… {done} of {total}</source>
        <translation>Comparaison des images… {done} sur {total}</translation>
    </message>
    <message>
        <source>Comparing…</source>
        <translation>Comparaison…</translation>
    </message>
    <message>
        <source>Confidence</source>
        <translation>Confiance</translation>
    </message>
    <message>
        <source>Confidence from</source>
        <translation>Confiance dès</translation>
    </message>
    <message>
        <source>Confidence from {percent:.0f} %</source>
        <translation>Confiance à partir de {percent:.0f} %</translation>
    </message>
    <message>
        <source>Copies</source>
        <translation>Copies</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Copier</translation>
    </message>
    <message>
        <source>Copy boxes</source>
        <translation>Copier les boîtes</translation>
    </message>
    <message>
        <source>Copy it again from its source, or remove it.</source>
        <translation>Copiez-la à nouveau depuis sa source ou retirez-la.</translation>
    </message>
    <message numerus="yes">
        <source>Copy the paths</source>
        <translation>
            <numerusform>Copier le chemin</numerusform>
            <numerusform>Copier les chemins</numerusform>
        </translation>
    </message>
    <message>
        <source>Copy the versions</source>
        <translation>Copier les versions</translation>
    </message>
    <message>
        <source>Copy them</source>
        <translation>Les copier</translation>
    </message>
    <message>
        <source>Copying</source>
        <translation>Copie</translation>
    </message>
    <message>
        <source>Copying into {name}…</source>
        <translation>Copie dans {name}…</translation>
    </message>
    <message>
        <source>Costs</source>
        <translation>Coût</translation>
    </message>
    <message>
        <source>Counting…</source>
        <translation>Décompte…</translation>
    </message>
    <message>
        <source>Counts</source>
        <translation>Nombres</translation>
    </message>
    <message>
        <source>Crosshair while drawing</source>
        <translation>Réticule pendant le tracé</translation>
    </message>
    <message>
        <source>Ctrl+K finds every action, also those without a key.</source>
        <translation>Ctrl+K trouve chaque action, même celles sans touche.</translation>
    </message>
    <message>
        <source>Ctrl+wheel</source>
        <translation>Ctrl+molette</translation>
    </message>
    <message>
        <source>Curves of the chart</source>
        <translation>Courbes du diagramme</translation>
    </message>
    <message>
        <source>Cut to the picture</source>
        <translation>Rogner à l’image</translation>
    </message>
    <message>
        <source>Cutting it to the picture is right nearly always.</source>
        <translation>La rogner à l’image est presque toujours juste.</translation>
    </message>
    <message>
        <source>Damaged label file</source>
        <translation>Fichier d’étiquettes endommagé</translation>
    </message>
    <message>
        <source>Damaged label file (JSON)</source>
        <translation>Fichier d’étiquettes endommagé (JSON)</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>Sombre</translation>
    </message>
    <message>
        <source>Darknet</source>
        <translation>Darknet</translation>
    </message>
    <message>
        <source>Darknet counts: %v of %m pictures</source>
        <translation>Darknet compte : %v sur %m images</translation>
    </message>
    <message>
        <source>Darknet has ended; the last weights are being measured ({done} of {pictures})…</source>
        <translation>Darknet a terminé ; les derniers poids sont mesurés ({done} sur {pictures})…</translation>
    </message>
    <message>
        <source>Darknet has ended; the last weights are being measured…</source>
        <translation>Darknet a terminé ; les derniers poids sont mesurés…</translation>
    </message>
    <message>
        <source>Darknet is being stopped…</source>
        <translation>Arrêt de Darknet…</translation>
    </message>
    <message>
        <source>Darknet is starting…</source>
        <translation>Démarrage de Darknet…</translation>
    </message>
    <message>
        <source>Darknet is stopped; what it saved last is kept and can be resumed</source>
        <translation>Darknet est arrêté; ce qu’il a enregistré en dernier est gardé, et on peut reprendre</translation>
    </message>
    <message>
        <source>Darknet networks (*.cfg);;All (*)</source>
        <translation>Réseaux Darknet (*.cfg);;Tous (*)</translation>
    </message>
    <message>
        <source>Darknet printed</source>
        <translation>Darknet a affiché</translation>
    </message>
    <message>
        <source>Darknet stands still and keeps its memory; the processor or GPU is free meanwhile</source>
        <translation>Darknet s’arrête et garde sa mémoire; le processeur ou la carte graphique est libre entre-temps</translation>
    </message>
    <message>
        <source>Darknet's first GPU</source>
        <translation>Le premier GPU de Darknet</translation>
    </message>
    <message>
        <source>Dashed, grey: the network's own. Red: chosen for this set. Dots: the boxes.</source>
        <translation>Tirets gris : celles du réseau. Rouge : choisies pour ce jeu. Points : les boîtes.</translation>
    </message>
    <message>
        <source>Decode every picture once and find those that show the same</source>
        <translation>Décoder chaque image une fois et trouver celles qui montrent la même chose</translation>
    </message>
    <message>
        <source>Delete boxes</source>
        <translation>Supprimer les boîtes</translation>
    </message>
    <message>
        <source>Delete class</source>
        <translation>Supprimer la classe</translation>
    </message>
    <message>
        <source>Delete for good</source>
        <translation>Supprimer à jamais</translation>
    </message>
    <message>
        <source>Delete for good…</source>
        <translation>Supprimer à jamais…</translation>
    </message>
    <message>
        <source>Delete old runs…</source>
        <translation>Supprimer d’anciens entraînements…</translation>
    </message>
    <message>
        <source>Delete only spare weights…</source>
        <translation>Supprimer les poids superflus…</translation>
    </message>
    <message>
        <source>Delete spare weights ({size})…</source>
        <translation>Supprimer les poids superflus ({size})…</translation>
    </message>
    <message>
        <source>Delete such copies</source>
        <translation>Supprimer ces copies</translation>
    </message>
    <message>
        <source>Delete such copies, or make the copies again.</source>
        <translation>Supprimez ces copies, ou refaites les copies.</translation>
    </message>
    <message>
        <source>Delete the box</source>
        <translation>Supprimer la boîte</translation>
    </message>
    <message>
        <source>Delete the boxes of the selected crops</source>
        <translation>Supprimer les boîtes des vignettes sélectionnées</translation>
    </message>
    <message>
        <source>Delete the chosen pictures for ever (Del)</source>
        <translation>Supprimer à jamais les images choisies (Suppr)</translation>
    </message>
    <message>
        <source>Delete the chosen runs with all their weights (Del)</source>
        <translation>Supprimer les entraînements choisis avec tous leurs poids (Suppr)</translation>
    </message>
    <message>
        <source>Delete the class</source>
        <translation>Supprimer la classe</translation>
    </message>
    <message>
        <source>Delete the other box</source>
        <translation>Supprimer l’autre boîte</translation>
    </message>
    <message>
        <source>Delete the runs…</source>
        <translation>Supprimer…</translation>
    </message>
    <message>
        <source>Delete the smaller box</source>
        <translation>Supprimer la plus petite boîte</translation>
    </message>
    <message numerus="yes">
        <source>Delete {n} pictures for good?</source>
        <translation>
            <numerusform>Supprimer {n} image à jamais?</numerusform>
            <numerusform>Supprimer {n} images à jamais?</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Delete {n} runs with their weights?</source>
        <translation>
            <numerusform>Supprimer {n} entraînement avec ses poids?</numerusform>
            <numerusform>Supprimer {n} entraînements avec leurs poids?</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Delete {n} spare weights files?</source>
        <translation>
            <numerusform>Supprimer {n} fichier de poids superflu?</numerusform>
            <numerusform>Supprimer {n} fichiers de poids superflus?</numerusform>
        </translation>
    </message>
    <message>
        <source>Deletes the class and {boxes}. Undo brings all back.</source>
        <translation>Supprime la classe et {boxes}. Annuler ramène tout.</translation>
    </message>
    <message>
        <source>Deleting</source>
        <translation>Suppression</translation>
    </message>
    <message>
        <source>Deleting copies</source>
        <translation>Suppression des copies</translation>
    </message>
    <message>
        <source>Details</source>
        <translation>Détails</translation>
    </message>
    <message>
        <source>Details…</source>
        <translation>Détails…</translation>
    </message>
    <message>
        <source>Disk</source>
        <translation>Disque</translation>
    </message>
    <message>
        <source>Dismiss the selected prediction</source>
        <translation>Écarter la prédiction sélectionnée</translation>
    </message>
    <message>
        <source>Do not list it any more, unless it changes (R); it can be brought back</source>
        <translation>Ne plus la lister, sauf si elle change (R); on peut la faire revenir</translation>
    </message>
    <message>
        <source>Do not tell it any more, unless it changes</source>
        <translation>Ne plus le dire, sauf si cela change</translation>
    </message>
    <message>
        <source>Do not wait for that: the training is done, and the evaluation measures what is left</source>
        <translation>Ne pas attendre : l’entraînement est terminé, et l’évaluation mesurera ce qui reste</translation>
    </message>
    <message>
        <source>Done.</source>
        <translation>Terminé.</translation>
    </message>
    <message>
        <source>Done: {what} Ctrl+Z takes it back.</source>
        <translation>Fait : {what} Ctrl+Z l’annule.</translation>
    </message>
    <message>
        <source>Double click for another colour</source>
        <translation>Double-cliquez pour une autre couleur</translation>
    </message>
    <message>
        <source>Draw a box</source>
        <translation>Tracer une boîte</translation>
    </message>
    <message>
        <source>Draw a box, while drawing</source>
        <translation>Tracer une boîte, en mode tracé</translation>
    </message>
    <message>
        <source>Draw boxes of a class, and stay in drawing</source>
        <translation>Tracer des boîtes d’une classe, et rester en mode tracé</translation>
    </message>
    <message>
        <source>Draw boxes of class {number}</source>
        <translation>Tracer des boîtes de la classe {number}</translation>
    </message>
    <message>
        <source>Drawing boxes (Esc: stop)</source>
        <translation>Tracé de boîtes (Échap : arrêter)</translation>
    </message>
    <message>
        <source>Drawing one box (W again: keep drawing, Esc: stop)</source>
        <translation>Tracé d’une boîte (encore W : continuer, Échap : arrêter)</translation>
    </message>
    <message>
        <source>Drawn from: {operations}.</source>
        <translation>Tirées parmi : {operations}.</translation>
    </message>
    <message>
        <source>Drop pictures or a folder here: the network looks at them.</source>
        <translation>Déposez ici des images ou un dossier : le réseau les regarde.</translation>
    </message>
    <message>
        <source>Duplicate boxes</source>
        <translation>Dupliquer les boîtes</translation>
    </message>
    <message>
        <source>Each copy with room has {count} pasted boxes already.</source>
        <translation>Chaque copie qui a de la place porte déjà {count} boîtes collées.</translation>
    </message>
    <message>
        <source>Each of its {what} that can be cut out is pasted {count} times already.</source>
        <translation>Chacune de ses {what} qu’on peut découper est déjà collée {count} fois.</translation>
    </message>
    <message>
        <source>Each of the saved weights as measured on the validation pictures</source>
        <translation>Chacun des poids enregistrés, mesuré sur les images de validation</translation>
    </message>
    <message>
        <source>Each of the saved weights is measured on the validation pictures; the first soon.</source>
        <translation>Chacun des poids enregistrés est mesuré sur les images de validation ; les premiers bientôt.</translation>
    </message>
    <message>
        <source>Each training picture is copied; every copy gets different random operations. Validation and test pictures are never touched. The same seed gives the same copies.</source>
        <translation>Chaque image d’entraînement est copiée; chaque copie subit d’autres opérations au hasard. Les images de validation et de test ne sont jamais touchées. La même graine donne les mêmes copies.</translation>
    </message>
    <message>
        <source>Earlier</source>
        <translation>Plus tôt</translation>
    </message>
    <message>
        <source>Edges counted from 0, as labelImg does</source>
        <translation>Bords comptés dès 0, comme labelImg</translation>
    </message>
    <message>
        <source>Edges exchanged</source>
        <translation>Bords inversés</translation>
    </message>
    <message>
        <source>Empty on purpose</source>
        <translation>Vide, c’est voulu</translation>
    </message>
    <message>
        <source>Empty on purpose, and next</source>
        <translation>Vide (c’est voulu), et suivante</translation>
    </message>
    <message>
        <source>Empty the trash…</source>
        <translation>Vider la corbeille…</translation>
    </message>
    <message>
        <source>End early: mAP on validation was below its best at</source>
        <translation>Arrêter avant la fin : le mAP sur la validation a été sous son meilleur à</translation>
    </message>
    <message>
        <source>End what else runs on it (nvidia-smi names it), or queue the training.</source>
        <translation>Arrêtez ce qui y tourne d’autre (nvidia-smi le nomme) ou mettez l’entraînement en file.</translation>
    </message>
    <message>
        <source>Ended after {frames}, saved as {name}</source>
        <translation>Arrêté après {frames}, enregistré sous {name}</translation>
    </message>
    <message>
        <source>Ended after {pictures}; what was seen is kept.</source>
        <translation>Arrêté après {pictures} ; ce qui a été vu est gardé.</translation>
    </message>
    <message>
        <source>Enter</source>
        <translation>Entrée</translation>
    </message>
    <message>
        <source>Enter or a double click: to this picture's labels</source>
        <translation>Entrée ou double clic : aux étiquettes de cette image</translation>
    </message>
    <message>
        <source>Enter renames the class of {amount}.</source>
        <translation>Entrée renomme la classe de {amount}.</translation>
    </message>
    <message>
        <source>Estimated; more exact once a training ran here.</source>
        <translation>Estimation ; plus juste dès qu’un entraînement a tourné ici.</translation>
    </message>
    <message>
        <source>Estimates from the number of operations and published speeds; point at a line to see which. Loading pictures and measuring mAP come on top.</source>
        <translation>Estimations d’après le nombre d’opérations et des vitesses publiées; pointez une ligne pour voir lesquelles. La lecture des images et la mesure de la mAP s’y ajoutent.</translation>
    </message>
    <message>
        <source>Evaluate</source>
        <translation>Évaluer</translation>
    </message>
    <message>
        <source>Evaluate and compare</source>
        <translation>Évaluer et comparer</translation>
    </message>
    <message>
        <source>Evaluate measures every saved weights file of this run on validation, takes the best, and measures that one on test.</source>
        <translation>Évaluer mesure chaque fichier de poids de cet entraînement sur la validation, prend le meilleur et mesure celui-ci sur test.</translation>
    </message>
    <message>
        <source>Evaluate the run first (in Numbers): what it gets wrong is listed here.</source>
        <translation>Évaluez d’abord l’entraînement (dans Nombres) : ce qu’il rate est listé ici.</translation>
    </message>
    <message>
        <source>Evaluate: it takes the best of the saved weights, and says what the network gets wrong.</source>
        <translation>Évaluez : cela retient les meilleurs des poids enregistrés et dit en quoi le réseau se trompe.</translation>
    </message>
    <message>
        <source>Every picture is in the set already; nothing is left to add.</source>
        <translation>Chaque image est déjà dans le jeu; il ne reste rien à ajouter.</translation>
    </message>
    <message>
        <source>Everything that would make the training fail, before it starts</source>
        <translation>Tout ce qui ferait échouer l’entraînement, avant qu’il commence</translation>
    </message>
    <message>
        <source>Exchange swapped edges, cut to the picture, take boxes without area away</source>
        <translation>Échanger les bords inversés, rogner à l’image, enlever les boîtes sans surface</translation>
    </message>
    <message>
        <source>Exchange the edges</source>
        <translation>Échanger les bords</translation>
    </message>
    <message numerus="yes">
        <source>Expected calibration error {ece} % over {n} predictions.</source>
        <translation>
            <numerusform>Erreur de calibration attendue de {ece} % sur {n} prédiction.</numerusform>
            <numerusform>Erreur de calibration attendue de {ece} % sur {n} prédictions.</numerusform>
        </translation>
    </message>
    <message>
        <source>Export</source>
        <translation>Exporter</translation>
    </message>
    <message>
        <source>Export {set}</source>
        <translation>Exporter {set}</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>Exporter…</translation>
    </message>
    <message>
        <source>Fetch</source>
        <translation>Télécharger</translation>
    </message>
    <message>
        <source>Fetch the chosen weights; what was begun earlier goes on where it stopped</source>
        <translation>Télécharger les poids choisis; ce qui a été commencé reprend où il s’était arrêté</translation>
    </message>
    <message>
        <source>Fetch them</source>
        <translation>Les télécharger</translation>
    </message>
    <message>
        <source>Fetch {name}, which fits</source>
        <translation>Télécharger {name}, qui convient</translation>
    </message>
    <message>
        <source>Fetch {name}, which fits ({size})</source>
        <translation>Télécharger {name}, qui convient ({size})</translation>
    </message>
    <message>
        <source>Fetching {name}</source>
        <translation>Téléchargement de {name}</translation>
    </message>
    <message>
        <source>Fewer predictions (surer ones)</source>
        <translation>Moins de prédictions (plus sûres)</translation>
    </message>
    <message>
        <source>Files from elsewhere</source>
        <translation>Fichiers d’ailleurs</translation>
    </message>
    <message>
        <source>Files of this set hold class ids ({format}): another order is written into every file that it concerns, as one step that can be undone.</source>
        <translation>Les fichiers de ce jeu contiennent des numéros de classe ({format}) : un autre ordre est écrit dans chaque fichier concerné, en une étape qu’on peut annuler.</translation>
    </message>
    <message>
        <source>Fill in a quick trial</source>
        <translation>Remplir pour un essai rapide</translation>
    </message>
    <message>
        <source>Fills in a smaller network, size, batch and length, so that it ends in about 8 hours here</source>
        <translation>Propose un réseau, une taille, un lot et une durée plus petits, pour finir en 8 heures environ ici</translation>
    </message>
    <message>
        <source>Filter</source>
        <translation>Filtre</translation>
    </message>
    <message>
        <source>Filters</source>
        <translation>Filtres</translation>
    </message>
    <message>
        <source>Filter…</source>
        <translation>Filtrer…</translation>
    </message>
    <message>
        <source>Find an action</source>
        <translation>Trouver une action</translation>
    </message>
    <message>
        <source>Find an action…</source>
        <translation>Trouver une action…</translation>
    </message>
    <message>
        <source>Find the plan</source>
        <translation>Trouver le plan</translation>
    </message>
    <message>
        <source>Finding {number} of {count}: {what}</source>
        <translation>Anomalie {number} sur {count} : {what}</translation>
    </message>
    <message>
        <source>Findings</source>
        <translation>Anomalies</translation>
    </message>
    <message>
        <source>First and last pixel counted from 1, as in the VOC challenge</source>
        <translation>Premier et dernier pixel comptés dès 1, comme au défi VOC</translation>
    </message>
    <message>
        <source>First picture</source>
        <translation>Première image</translation>
    </message>
    <message>
        <source>First what takes most from mAP@0.50: a box missed of a rare class, a sure wrong one</source>
        <translation>D’abord ce qui enlève le plus au mAP@0.50 : une boîte manquée d’une classe rare, une erreur très sûre</translation>
    </message>
    <message>
        <source>Fit into a night</source>
        <translation>Tenir en une nuit</translation>
    </message>
    <message>
        <source>Fit the picture</source>
        <translation>Ajuster à l’image</translation>
    </message>
    <message>
        <source>Fix</source>
        <translation>Corriger</translation>
    </message>
    <message>
        <source>Fix all that have one right answer…</source>
        <translation>Corriger ce qui est évident…</translation>
    </message>
    <message>
        <source>Fix all…</source>
        <translation>Corriger tout…</translation>
    </message>
    <message>
        <source>Fix the selected findings</source>
        <translation>Corriger les anomalies sélectionnées</translation>
    </message>
    <message>
        <source>Fix what was found in this picture</source>
        <translation>Corriger ce qui a été trouvé sur cette image</translation>
    </message>
    <message>
        <source>Fix {findings}, each by its one right answer?</source>
        <translation>Corriger {findings}, chacune de la seule bonne façon?</translation>
    </message>
    <message>
        <source>Folder</source>
        <translation>Dossier</translation>
    </message>
    <message>
        <source>Folder for the export</source>
        <translation>Dossier de l’exportation</translation>
    </message>
    <message>
        <source>Folder for the training set</source>
        <translation>Dossier du jeu d’entraînement</translation>
    </message>
    <message>
        <source>Folder…</source>
        <translation>Dossier…</translation>
    </message>
    <message>
        <source>For</source>
        <translation>Pour</translation>
    </message>
    <message>
        <source>For each [yolo] section of a cfg: losses are then multiplied by {losses}.</source>
        <translation>Pour chaque section [yolo] d’un cfg : les pertes sont alors multipliées par {losses}.</translation>
    </message>
    <message>
        <source>For each {small} box there are {ratio} {large} boxes.</source>
        <translation>Pour chaque boîte {small}, il y a {ratio} boîtes {large}.</translation>
    </message>
    <message>
        <source>Forget all that was changed here</source>
        <translation>Oublier tout ce qui a été changé ici</translation>
    </message>
    <message>
        <source>Forget this step</source>
        <translation>Oublier cette étape</translation>
    </message>
    <message>
        <source>Format</source>
        <translation>Format</translation>
    </message>
    <message>
        <source>Format of new labels</source>
        <translation>Format des nouvelles étiquettes</translation>
    </message>
    <message>
        <source>Format of new labels…</source>
        <translation>Format des nouvelles étiquettes…</translation>
    </message>
    <message>
        <source>Found in {seconds} s.</source>
        <translation>Trouvé en {seconds} s.</translation>
    </message>
    <message>
        <source>Four pictures become one: small things and new surroundings</source>
        <translation>Quatre images en deviennent une : petites choses et nouveaux alentours</translation>
    </message>
    <message>
        <source>Free some space, or train for fewer iterations.</source>
        <translation>Libérez de la place ou entraînez moins d’itérations.</translation>
    </message>
    <message>
        <source>From</source>
        <translation>De</translation>
    </message>
    <message>
        <source>From a small, unbalanced set of pictures to a detector that works. Open a folder of pictures, or a zip such as Kaggle's; it need not have labels yet. You can also drop either on this window.</source>
        <translation>D’un petit jeu d’images déséquilibré à un détecteur qui fonctionne. Ouvrez un dossier d’images, ou un zip comme celui de Kaggle; les étiquettes ne sont pas nécessaires. Vous pouvez aussi déposer l’un ou l’autre sur cette fenêtre.</translation>
    </message>
    <message>
        <source>From a small, unbalanced set of pictures to a detector that works: label, balance, split, augment, train with Darknet, look at the mistakes.
Free software under the GNU General Public License, version 3 or later; it comes without any warranty.</source>
        <translation>D’un petit jeu d’images déséquilibré à un détecteur qui fonctionne : étiqueter, équilibrer, répartir, augmenter, entraîner avec Darknet, regarder les erreurs.
Logiciel libre sous licence publique générale GNU, version 3 ou ultérieure; fourni sans aucune garantie.</translation>
    </message>
    <message>
        <source>From then on the network learns the training pictures by heart. The queue goes on with the next training.</source>
        <translation>À partir de là, le réseau apprend par cœur les images d’entraînement. La file d’attente continue avec l’entraînement suivant.</translation>
    </message>
    <message>
        <source>From: {source}. A picture trained on is taken to cost {passes} predictions.</source>
        <translation>De : {source}. Une image d’entraînement est comptée comme {passes} prédictions.</translation>
    </message>
    <message>
        <source>GPU</source>
        <translation>GPU</translation>
    </message>
    <message>
        <source>Gallery</source>
        <translation>Galerie</translation>
    </message>
    <message>
        <source>Give every action its first keys again?</source>
        <translation>Redonner à chaque action ses premières touches?</translation>
    </message>
    <message>
        <source>Give these boxes &amp;another class:</source>
        <translation>Donner à ces boîtes une &amp;autre classe :</translation>
    </message>
    <message>
        <source>Gives the selected boxes this class, else the next box</source>
        <translation>Donne cette classe aux boîtes sélectionnées, sinon à la prochaine</translation>
    </message>
    <message>
        <source>Go on</source>
        <translation>Reprendre</translation>
    </message>
    <message>
        <source>Go on or stay at this frame (Space)</source>
        <translation>Continuer ou rester à cette image (Espace)</translation>
    </message>
    <message>
        <source>Go there</source>
        <translation>Y aller</translation>
    </message>
    <message>
        <source>Go to Augment</source>
        <translation>Aller à Augmentation</translation>
    </message>
    <message>
        <source>Go to Balance</source>
        <translation>Aller à Équilibre</translation>
    </message>
    <message>
        <source>Go to Split</source>
        <translation>Aller à Répartition</translation>
    </message>
    <message>
        <source>Go to this box's labels (Enter, or a double click)</source>
        <translation>Aller aux étiquettes de cette boîte (Entrée, ou double-clic)</translation>
    </message>
    <message>
        <source>Go to this picture's labels (double click or Enter in the list does the same)</source>
        <translation>Aller aux étiquettes de cette image (double-clic ou Entrée dans la liste fait de même)</translation>
    </message>
    <message>
        <source>Goes to the Augment page with this plan</source>
        <translation>Passe à la page Augmentation avec ce plan</translation>
    </message>
    <message>
        <source>Going on with {run}: {what}</source>
        <translation>Reprise de {run} : {what}</translation>
    </message>
    <message>
        <source>Ground truth (orange: missed)</source>
        <translation>Vérité terrain (orange : manquée)</translation>
    </message>
    <message>
        <source>Half of the pictures are mirrored</source>
        <translation>La moitié des images sont en miroir</translation>
    </message>
    <message>
        <source>Height in pixels; the bottom edge moves</source>
        <translation>Hauteur en pixels; le bord inférieur bouge</translation>
    </message>
    <message>
        <source>Height of the network's input; it follows the width until changed</source>
        <translation>Hauteur de l’entrée du réseau; elle suit la largeur tant qu’on ne la change pas</translation>
    </message>
    <message>
        <source>Here</source>
        <translation>Ici</translation>
    </message>
    <message>
        <source>How boxes are learned and chosen</source>
        <translation>Comment les boîtes sont apprises et choisies</translation>
    </message>
    <message>
        <source>How far a cell's box may reach over the cell's edge</source>
        <translation>Jusqu’où la boîte d’une case peut dépasser le bord de la case</translation>
    </message>
    <message>
        <source>How far the weights move in each iteration</source>
        <translation>De combien les poids bougent à chaque itération</translation>
    </message>
    <message>
        <source>How full and how busy each is now; what is chosen is remembered, also for runs in the queue</source>
        <translation>À quel point chacun est plein et occupé en ce moment ; le choix est retenu, aussi pour les entraînements dans la file</translation>
    </message>
    <message>
        <source>How it learns</source>
        <translation>Comment il apprend</translation>
    </message>
    <message>
        <source>How many copies of which picture; the Balance page makes a plan of it</source>
        <translation>Combien de copies de quelle image; la page Équilibre en fait un plan</translation>
    </message>
    <message>
        <source>How much of the last movement goes on</source>
        <translation>Combien du dernier mouvement se poursuit</translation>
    </message>
    <message>
        <source>How much the distance of the centres counts in that</source>
        <translation>Combien la distance des centres y compte</translation>
    </message>
    <message>
        <source>How pictures are changed while it learns</source>
        <translation>Comment les images changent pendant qu’il apprend</translation>
    </message>
    <message>
        <source>How strongly large weights are drawn to zero</source>
        <translation>Avec quelle force les grands poids sont tirés vers zéro</translation>
    </message>
    <message>
        <source>How the crops are sorted</source>
        <translation>Ordre des vignettes</translation>
    </message>
    <message>
        <source>How the fit of a box is measured while it learns</source>
        <translation>Comment l’ajustement d’une boîte est mesuré pendant l’apprentissage</translation>
    </message>
    <message>
        <source>Id</source>
        <translation>N°</translation>
    </message>
    <message>
        <source>Identical pictures</source>
        <translation>Images identiques</translation>
    </message>
    <message>
        <source>Ids mean what the list says now; nothing is written</source>
        <translation>Les numéros veulent dire ce que dit la liste; rien n’est écrit</translation>
    </message>
    <message>
        <source>If it is a Darknet, allow it with chmod +x; a disk mounted with noexec runs no program.</source>
        <translation>Si c’est un Darknet, autorisez-le avec chmod +x ; un disque monté avec noexec n’exécute aucun programme.</translation>
    </message>
    <message>
        <source>If they mean the same, merge them.</source>
        <translation>Si elles veulent dire la même chose, fusionnez-les.</translation>
    </message>
    <message>
        <source>In copies
boxes (images)</source>
        <translation>Dans les copies
boîtes (images)</translation>
    </message>
    <message>
        <source>In order</source>
        <translation>En ordre</translation>
    </message>
    <message>
        <source>In percent</source>
        <translation>En pour cent</translation>
    </message>
    <message>
        <source>In pictures</source>
        <translation>En images</translation>
    </message>
    <message>
        <source>In the background, on one processor and with the lowest priority; where the machine cannot keep up, weights in between are left out. The best are kept.</source>
        <translation>En arrière-plan, sur un seul processeur et avec la priorité la plus basse ; si la machine ne suit pas, des poids intermédiaires sont laissés de côté. Les meilleurs sont gardés.</translation>
    </message>
    <message>
        <source>Install a newer driver, or build Darknet with an older CUDA.</source>
        <translation>Installez un pilote plus récent ou compilez Darknet avec un CUDA plus ancien.</translation>
    </message>
    <message>
        <source>Install or reload the driver (often a restart is enough), or take a Darknet for the CPU.</source>
        <translation>Installez ou rechargez le pilote (souvent un redémarrage suffit) ou prenez un Darknet pour le processeur.</translation>
    </message>
    <message>
        <source>Is in the list</source>
        <translation>Dans la liste</translation>
    </message>
    <message>
        <source>It begins anew.</source>
        <translation>L’entraînement recommence.</translation>
    </message>
    <message>
        <source>It can be begun again.</source>
        <translation>On peut le recommencer.</translation>
    </message>
    <message>
        <source>It can be started.</source>
        <translation>Il peut démarrer.</translation>
    </message>
    <message>
        <source>It can go on in the background, and is found again when this set is opened.</source>
        <translation>Il peut continuer en arrière-plan, et se retrouve quand ce jeu est ouvert.</translation>
    </message>
    <message>
        <source>It cannot be started like this.</source>
        <translation>Il ne peut pas démarrer ainsi.</translation>
    </message>
    <message>
        <source>It goes on from iteration {iteration}.</source>
        <translation>Il reprend à l’itération {iteration}.</translation>
    </message>
    <message>
        <source>It is chosen to end in a night without a graphics card; the study's training ({network}, {size} px, {iterations} iterations) would take {time}.</source>
        <translation>Il est choisi pour finir en une nuit sans carte graphique ; l’entraînement de l’étude ({network}, {size} px, {iterations} itérations) durerait {time}.</translation>
    </message>
    <message>
        <source>It is for pictures in their order (video), and a training set has none.</source>
        <translation>Elle sert à des images qui se suivent (vidéo), et un jeu d’entraînement n’a pas d’ordre.</translation>
    </message>
    <message>
        <source>It is one step, which Ctrl+Z takes back.</source>
        <translation>C’est une seule étape, que Ctrl+Z annule.</translation>
    </message>
    <message>
        <source>It is running: stop it before you delete it.</source>
        <translation>Il est en cours : arrêtez-le avant de le supprimer.</translation>
    </message>
    <message>
        <source>It is {name}</source>
        <translation>C’est {name}</translation>
    </message>
    <message>
        <source>It keeps the proportions of pictures, with grey bars; the other Darknets stretch them</source>
        <translation>Il garde les proportions des images, avec des bandes grises; les autres Darknet les étirent</translation>
    </message>
    <message>
        <source>It was killed by hand or by another program (one that guards memory, as systemd-oomd or earlyoom, may be one): the system itself has not run out of memory.</source>
        <translation>Il a été tué à la main ou par un autre programme (par exemple un gardien de la mémoire comme systemd-oomd ou earlyoom) : le système lui-même n’a pas manqué de mémoire.</translation>
    </message>
    <message>
        <source>It was killed: by hand, or by the system because the machine's memory was full (more subdivisions or a smaller network size need less).</source>
        <translation>Il a été tué : à la main, ou par le système parce que la mémoire de la machine était pleine (plus de subdivisions ou une taille de réseau plus petite en demandent moins).</translation>
    </message>
    <message>
        <source>Iteration</source>
        <translation>Itération</translation>
    </message>
    <message>
        <source>Iteration {done} of {total}</source>
        <translation>Itération {done} sur {total}</translation>
    </message>
    <message>
        <source>Iteration {iteration} measured on val: mAP@0.50 {mean:.1f} %, mAP@0.75 {strict:.1f} %.</source>
        <translation>Itération {iteration} mesurée sur val : mAP@0.50 {mean:.1f} %, mAP@0.75 {strict:.1f} %.</translation>
    </message>
    <message>
        <source>Iteration {iteration} was chosen; test was not measured.</source>
        <translation>L’itération {iteration} a été choisie; test n’a pas été mesuré.</translation>
    </message>
    <message>
        <source>Iterations</source>
        <translation>Itérations</translation>
    </message>
    <message>
        <source>Iterations at which the learning rate falls; usually at 80 and 90 % of all</source>
        <translation>Itérations où le taux d’apprentissage baisse; d’ordinaire à 80 et 90 % de toutes</translation>
    </message>
    <message>
        <source>Iterations of the whole training; the rule is max(2000 × classes, pictures, 6000)</source>
        <translation>Itérations de tout l’entraînement; la règle est max(2000 × classes, images, 6000)</translation>
    </message>
    <message>
        <source>Iterations over which the learning rate rises to its value</source>
        <translation>Itérations pendant lesquelles le taux d’apprentissage monte à sa valeur</translation>
    </message>
    <message>
        <source>Its boxes come with an uncertainty, which nothing here reads: take [yolo] instead.</source>
        <translation>Ses boîtes viennent avec une incertitude que rien ici ne lit : prenez plutôt [yolo].</translation>
    </message>
    <message>
        <source>Its own detector map on the same pictures with the same weights: the digits should be ours</source>
        <translation>Son propre detector map sur les mêmes images avec les mêmes poids : les chiffres devraient être les nôtres</translation>
    </message>
    <message>
        <source>Jetson Nano, as reported</source>
        <translation>Jetson Nano, d’après un rapport</translation>
    </message>
    <message>
        <source>Jetson Nano, by peak figures</source>
        <translation>Jetson Nano, d’après les valeurs de pointe</translation>
    </message>
    <message>
        <source>Keep both, with these boxes</source>
        <translation>Garder les deux, avec ces boîtes</translation>
    </message>
    <message>
        <source>Keep it training</source>
        <translation>Continuer l’entraînement</translation>
    </message>
    <message>
        <source>Keep one, or keep both in the same split (a conversion does).</source>
        <translation>Gardez-en une, ou gardez les deux dans la même partie (une conversion le fait).</translation>
    </message>
    <message>
        <source>Keep the one with more boxes</source>
        <translation>Garder celle qui a le plus de boîtes</translation>
    </message>
    <message>
        <source>Keep the one with more boxes: pictures seen twice make results too good.</source>
        <translation>Gardez celle qui a le plus de boîtes : des images vues deux fois embellissent les résultats.</translation>
    </message>
    <message>
        <source>Keep the pictures' proportions (grey bars); not with mosaic</source>
        <translation>Garder les proportions des images (bandes grises); pas avec la mosaïque</translation>
    </message>
    <message>
        <source>Keep the zoom from picture to picture</source>
        <translation>Garder le zoom d’une image à l’autre</translation>
    </message>
    <message>
        <source>Keep this one, the other to the trash</source>
        <translation>Garder celle-ci, l’autre à la corbeille</translation>
    </message>
    <message>
        <source>Kept: {names}.</source>
        <translation>Gardés : {names}.</translation>
    </message>
    <message>
        <source>Key</source>
        <translation>Touche</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Touches</translation>
    </message>
    <message>
        <source>Keys of “{action}”:</source>
        <translation>Touches de « {action} » :</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>Genre</translation>
    </message>
    <message>
        <source>Known weights, which others trained for days:</source>
        <translation>Poids connus, que d’autres ont entraînés pendant des jours :</translation>
    </message>
    <message>
        <source>Label</source>
        <translation>Étiquetage</translation>
    </message>
    <message>
        <source>Label file is no text</source>
        <translation>Le fichier d’étiquettes n’est pas du texte</translation>
    </message>
    <message>
        <source>Label file names another picture</source>
        <translation>Le fichier d’étiquettes nomme une autre image</translation>
    </message>
    <message>
        <source>Label files of {name} hold class ids that its list of names does not reach.</source>
        <translation>Des fichiers d’étiquettes de {name} contiennent des numéros de classe au-delà de sa liste de noms.</translation>
    </message>
    <message>
        <source>Label more of them, or balance the set with copies.</source>
        <translation>Étiquetez-en davantage ou équilibrez l’ensemble avec des copies.</translation>
    </message>
    <message>
        <source>Label more pictures, or make copies of them.</source>
        <translation>Étiquetez plus d’images, ou faites-en des copies.</translation>
    </message>
    <message>
        <source>Label some, or take the class out of the set.</source>
        <translation>Étiquetez-en quelques-unes ou retirez la classe de l’ensemble.</translation>
    </message>
    <message>
        <source>Label the picture anew</source>
        <translation>Réétiqueter l’image</translation>
    </message>
    <message>
        <source>Label the picture; an empty file says that there is nothing in it.</source>
        <translation>Étiquetez l’image ; un fichier vide dit qu’elle ne contient rien.</translation>
    </message>
    <message>
        <source>Label them…</source>
        <translation>Les annoter…</translation>
    </message>
    <message>
        <source>Label this frame</source>
        <translation>Étiqueter cette image</translation>
    </message>
    <message>
        <source>Labelling</source>
        <translation>Étiquetage</translation>
    </message>
    <message>
        <source>Labels</source>
        <translation>Étiquettes</translation>
    </message>
    <message>
        <source>Labels of another size</source>
        <translation>Étiquettes d’une autre taille</translation>
    </message>
    <message>
        <source>Labels were changed since the training began; these numbers are against the present ones.</source>
        <translation>Des étiquettes ont changé depuis le début de l’entraînement ; ces chiffres se rapportent aux étiquettes actuelles.</translation>
    </message>
    <message>
        <source>Labels were saved since it was made: if boxes changed, make it again on the Split page.</source>
        <translation>Des étiquettes ont été enregistrées depuis : si des boîtes ont changé, refaites-le à la page Répartition.</translation>
    </message>
    <message>
        <source>Labels without a picture</source>
        <translation>Étiquettes sans image</translation>
    </message>
    <message>
        <source>Language:</source>
        <translation>Langue :</translation>
    </message>
    <message>
        <source>Laptop, Core i7-7700HQ, Darknet</source>
        <translation>Portable, Core i7-7700HQ, Darknet</translation>
    </message>
    <message>
        <source>Laptop, Core i7-7700HQ, OpenCV</source>
        <translation>Portable, Core i7-7700HQ, OpenCV</translation>
    </message>
    <message>
        <source>Large
≥ 96²</source>
        <translation>Grandes
≥ 96²</translation>
    </message>
    <message>
        <source>Larger batches while the pictures are small; only with random=1</source>
        <translation>De plus grands lots tant que les images sont petites; seulement avec random=1</translation>
    </message>
    <message>
        <source>Larger crops</source>
        <translation>Vignettes plus grandes</translation>
    </message>
    <message>
        <source>Largest first, Z to A</source>
        <translation>Les plus grandes d’abord, de Z à A</translation>
    </message>
    <message>
        <source>Largest to smallest class in training: {before} without the copies, {after} with them.</source>
        <translation>De la plus grande à la plus petite classe, à l’entraînement : {before} sans les copies, {after} avec elles.</translation>
    </message>
    <message>
        <source>Largest to smallest class: {before} now, {after} then.</source>
        <translation>De la plus grande à la plus petite classe : {before} maintenant, {after} ensuite.</translation>
    </message>
    <message>
        <source>Last picture</source>
        <translation>Dernière image</translation>
    </message>
    <message>
        <source>Later</source>
        <translation>Plus tard</translation>
    </message>
    <message>
        <source>Layers and costs</source>
        <translation>Couches et coûts</translation>
    </message>
    <message>
        <source>Learn more from what is hard, less from what is easy</source>
        <translation>Apprendre plus de ce qui est difficile, moins de ce qui est facile</translation>
    </message>
    <message>
        <source>Learning rate, changes to the pictures, losses: everything that a cfg can say</source>
        <translation>Taux d’apprentissage, changements des images, pertes : tout ce qu’un cfg peut dire</translation>
    </message>
    <message>
        <source>Least sure first</source>
        <translation>Les moins sûres d’abord</translation>
    </message>
    <message>
        <source>Leave and lose them</source>
        <translation>Partir et les perdre</translation>
    </message>
    <message>
        <source>Leave its boxes out</source>
        <translation>Laisser ses boîtes de côté</translation>
    </message>
    <message>
        <source>Leave out what the labels of now make no mistake any more</source>
        <translation>Laisser de côté ce qui n’est plus une erreur avec les étiquettes actuelles</translation>
    </message>
    <message>
        <source>Left edge in pixels; the box moves</source>
        <translation>Bord gauche en pixels; la boîte bouge</translation>
    </message>
    <message>
        <source>Left out: {unlabelled} without a label file, {unreadable} unreadable.</source>
        <translation>Laissées de côté : {unlabelled} sans fichier d’étiquettes, {unreadable} illisibles.</translation>
    </message>
    <message>
        <source>Let Darknet count too</source>
        <translation>Faire compter Darknet aussi</translation>
    </message>
    <message>
        <source>Let the labels say what the network saw (in the mistakes)</source>
        <translation>Étiqueter ce que le réseau a vu (dans les erreurs)</translation>
    </message>
    <message>
        <source>Let the labels say what the network saw, in one edit that can be undone (K)</source>
        <translation>Étiqueter ce que le réseau a vu, en une modification qu’on peut annuler (K)</translation>
    </message>
    <message>
        <source>Let the network look at the pictures it was trained on: where it is sure against a label even there, the label is often wrong</source>
        <translation>Laisser le réseau regarder les images de son entraînement : là où, même sur elles, il est sûr d’autre chose que l’étiquette, celle-ci est souvent fausse</translation>
    </message>
    <message>
        <source>Let these weights look at all validation pictures, on the Predictions page</source>
        <translation>Faire regarder à ces poids toutes les images de validation, sur la page Prédictions</translation>
    </message>
    <message>
        <source>Licence</source>
        <translation>Licence</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>Clair</translation>
    </message>
    <message>
        <source>Limit of what one box may move the weights</source>
        <translation>Limite de ce dont une boîte peut faire bouger les poids</translation>
    </message>
    <message>
        <source>Line that says no box</source>
        <translation>Ligne qui ne dit aucune boîte</translation>
    </message>
    <message>
        <source>Link them (no room needed; both names are one file)</source>
        <translation>Les lier (sans prendre de place; les deux noms sont un seul fichier)</translation>
    </message>
    <message>
        <source>List it again (R)</source>
        <translation>La lister de nouveau (R)</translation>
    </message>
    <message>
        <source>List not as split.csv says</source>
        <translation>Liste différente de split.csv</translation>
    </message>
    <message>
        <source>Log</source>
        <translation>Journal</translation>
    </message>
    <message>
        <source>Log axis</source>
        <translation>Axe log</translation>
    </message>
    <message>
        <source>Look again</source>
        <translation>Chercher de nouveau</translation>
    </message>
    <message>
        <source>Look at all pictures of a folder and below; or drop it here</source>
        <translation>Regarder toutes les images d’un dossier et de ses sous-dossiers ; ou déposez-le ici</translation>
    </message>
    <message>
        <source>Look at everything once more: files may have changed meanwhile</source>
        <translation>Tout examiner encore une fois : des fichiers peuvent avoir changé entre-temps</translation>
    </message>
    <message>
        <source>Look at pictures with a network</source>
        <translation>Regarder des images avec un réseau</translation>
    </message>
    <message>
        <source>Look at pictures with a network…</source>
        <translation>Regarder des images avec un réseau…</translation>
    </message>
    <message>
        <source>Look at the training pictures</source>
        <translation>Regarder les images d’entraînement</translation>
    </message>
    <message>
        <source>Look once more</source>
        <translation>Regarder de nouveau</translation>
    </message>
    <message>
        <source>Looking at boxes, classes and label files…</source>
        <translation>Examen des boîtes, des classes et des fichiers d’étiquettes…</translation>
    </message>
    <message>
        <source>Looking at the class ids…</source>
        <translation>Examen des numéros de classe…</translation>
    </message>
    <message>
        <source>Looking at the runs</source>
        <translation>Examen des entraînements</translation>
    </message>
    <message>
        <source>Looking at the weights…</source>
        <translation>Examen des poids…</translation>
    </message>
    <message>
        <source>Looking for Darknet…</source>
        <translation>Recherche de Darknet…</translation>
    </message>
    <message>
        <source>Looking for free names</source>
        <translation>Recherche de noms libres</translation>
    </message>
    <message>
        <source>Looking for the best plan…</source>
        <translation>Recherche du meilleur plan…</translation>
    </message>
    <message>
        <source>Looking through {n} pictures…</source>
        <translation>Examen de {n} images…</translation>
    </message>
    <message>
        <source>Looking…</source>
        <translation>Examen…</translation>
    </message>
    <message>
        <source>Loss</source>
        <translation>Perte</translation>
    </message>
    <message>
        <source>Lost: {what}</source>
        <translation>Perdu : {what}</translation>
    </message>
    <message>
        <source>Machine</source>
        <translation>Machine</translation>
    </message>
    <message>
        <source>Make a new set of these pictures with what is shown as first boxes, and open it</source>
        <translation>Faire de ces images un nouveau jeu, avec ce qui est montré comme premières boîtes, et l’ouvrir</translation>
    </message>
    <message>
        <source>Make copies</source>
        <translation>Faire des copies</translation>
    </message>
    <message>
        <source>Make it again to train on the set as it is now.</source>
        <translation>Refaites-le pour entraîner sur l’ensemble tel qu’il est maintenant.</translation>
    </message>
    <message>
        <source>Make it again: nothing is learned of them else.</source>
        <translation>Refaites-le : sinon rien n’en est appris.</translation>
    </message>
    <message>
        <source>Make the copies</source>
        <translation>Faire les copies</translation>
    </message>
    <message>
        <source>Make the copies again.</source>
        <translation>Refaites les copies.</translation>
    </message>
    <message>
        <source>Make the folder</source>
        <translation>Créer le dossier</translation>
    </message>
    <message>
        <source>Make the folder.</source>
        <translation>Créez le dossier.</translation>
    </message>
    <message>
        <source>Make the training set</source>
        <translation>Faire le jeu d’entraînement</translation>
    </message>
    <message>
        <source>Make the training set again</source>
        <translation>Refaire le jeu d’entraînement</translation>
    </message>
    <message>
        <source>Make these copies…</source>
        <translation>Faire ces copies…</translation>
    </message>
    <message>
        <source>Makes {boxes} “{into}” and deletes the class. Undo brings all back.</source>
        <translation>Donne à {boxes} la classe « {into} » et supprime l’autre. Annuler ramène tout.</translation>
    </message>
    <message>
        <source>Making examples…</source>
        <translation>Exemples en cours…</translation>
    </message>
    <message>
        <source>Means</source>
        <translation>Signifie</translation>
    </message>
    <message>
        <source>Measure every saved weights file on validation, and the best of them on test, once</source>
        <translation>Mesurer chaque fichier de poids sur la validation, et le meilleur d’entre eux sur test, une fois</translation>
    </message>
    <message>
        <source>Measure saved weights on the validation pictures</source>
        <translation>Mesurer les poids enregistrés sur les images de validation</translation>
    </message>
    <message>
        <source>Measure test again</source>
        <translation>Mesurer le test de nouveau</translation>
    </message>
    <message>
        <source>Measure test with the chosen weights too…</source>
        <translation>Mesurer le test avec les poids choisis aussi…</translation>
    </message>
    <message>
        <source>Measure the speed</source>
        <translation>Mesurer la vitesse</translation>
    </message>
    <message>
        <source>Measured here, {engine}</source>
        <translation>Mesuré ici, {engine}</translation>
    </message>
    <message>
        <source>Measuring saved weights while the training goes on, and ending it early</source>
        <translation>Mesurer les poids enregistrés pendant que l’entraînement continue, et l’arrêter avant la fin</translation>
    </message>
    <message>
        <source>Medium</source>
        <translation>Moyennes</translation>
    </message>
    <message>
        <source>Mend all that are listed; what will happen is said before</source>
        <translation>Corriger tout ce qui est listé; on vous dit d’abord ce qui se passera</translation>
    </message>
    <message numerus="yes">
        <source>Mend what has one right answer: {n} findings ({key})</source>
        <translation>
            <numerusform>Corriger ce qui est évident : {n} anomalie ({key})</numerusform>
            <numerusform>Corriger ce qui est évident : {n} anomalies ({key})</numerusform>
        </translation>
    </message>
    <message>
        <source>Mend what is clear</source>
        <translation>Corriger l’évident</translation>
    </message>
    <message>
        <source>Merge</source>
        <translation>Fusionner</translation>
    </message>
    <message>
        <source>Merge classes</source>
        <translation>Fusionner des classes</translation>
    </message>
    <message>
        <source>Merge the classes</source>
        <translation>Fusionner les classes</translation>
    </message>
    <message>
        <source>Messages</source>
        <translation>Messages</translation>
    </message>
    <message>
        <source>Mistake</source>
        <translation>Erreur</translation>
    </message>
    <message>
        <source>Mistake {number} of {count}: {what}. F9: the next, Esc: back to the mistakes</source>
        <translation>Erreur {number} sur {count} : {what}. F9 : la suivante, Échap : retour aux erreurs</translation>
    </message>
    <message>
        <source>Mistakes</source>
        <translation>Erreurs</translation>
    </message>
    <message>
        <source>Mistakes first</source>
        <translation>Erreurs d’abord</translation>
    </message>
    <message>
        <source>More likely a slip of the hand than an object: look, then delete or keep it.</source>
        <translation>Plutôt un faux mouvement qu’un objet : regardez, puis supprimez-la ou gardez-la.</translation>
    </message>
    <message>
        <source>More predictions (less sure ones)</source>
        <translation>Plus de prédictions (moins sûres)</translation>
    </message>
    <message>
        <source>More wait longer: on few boxes mAP jumps about by itself</source>
        <translation>Un nombre plus grand attend plus longtemps : sur peu de boîtes, le mAP varie déjà de lui-même</translation>
    </message>
    <message>
        <source>Most boxes first</source>
        <translation>Le plus de boîtes d’abord</translation>
    </message>
    <message>
        <source>Mouse</source>
        <translation>Souris</translation>
    </message>
    <message>
        <source>Move &amp;up</source>
        <translation>&amp;Monter</translation>
    </message>
    <message>
        <source>Move a box, or an edge of it</source>
        <translation>Déplacer une boîte, ou un de ses bords</translation>
    </message>
    <message>
        <source>Move d&amp;own</source>
        <translation>&amp;Descendre</translation>
    </message>
    <message>
        <source>Move the left or top edge</source>
        <translation>Déplacer le bord gauche ou supérieur</translation>
    </message>
    <message>
        <source>Move the left or top edge by 10 px</source>
        <translation>Déplacer le bord gauche ou supérieur de 10 px</translation>
    </message>
    <message>
        <source>Move the picture</source>
        <translation>Déplacer l’image</translation>
    </message>
    <message>
        <source>Move the right or bottom edge</source>
        <translation>Déplacer le bord droit ou inférieur</translation>
    </message>
    <message>
        <source>Move the right or bottom edge by 10 px</source>
        <translation>Déplacer le bord droit ou inférieur de 10 px</translation>
    </message>
    <message>
        <source>Move the selected boxes by 1 px</source>
        <translation>Déplacer les boîtes sélectionnées de 1 px</translation>
    </message>
    <message>
        <source>Move the selected boxes by 10 px</source>
        <translation>Déplacer les boîtes sélectionnées de 10 px</translation>
    </message>
    <message>
        <source>Move to the trash</source>
        <translation>Mettre à la corbeille</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Nom</translation>
    </message>
    <message>
        <source>Name for training (click to change)</source>
        <translation>Nom pour l’entraînement (cliquer pour changer)</translation>
    </message>
    <message>
        <source>Name in the export (click to change)</source>
        <translation>Nom à l’exportation (cliquer pour changer)</translation>
    </message>
    <message>
        <source>Name of class {id}</source>
        <translation>Nom de la classe {id}</translation>
    </message>
    <message>
        <source>Name of the class:</source>
        <translation>Nom de la classe :</translation>
    </message>
    <message>
        <source>Names (*.names *.txt);;All files (*)</source>
        <translation>Noms (*.names *.txt);;Tous les fichiers (*)</translation>
    </message>
    <message>
        <source>Names of the study (mask, no_mask, chin_diaper)</source>
        <translation>Noms de l’étude (mask, no_mask, chin_diaper)</translation>
    </message>
    <message>
        <source>Nearly identical pictures</source>
        <translation>Images presque identiques</translation>
    </message>
    <message>
        <source>Network</source>
        <translation>Réseau</translation>
    </message>
    <message>
        <source>Network (.cfg)</source>
        <translation>Réseau (.cfg)</translation>
    </message>
    <message>
        <source>Network and training: {some}</source>
        <translation>Réseau et entraînement : {some}</translation>
    </message>
    <message>
        <source>Network of the predictions</source>
        <translation>Réseau des prédictions</translation>
    </message>
    <message>
        <source>Network {size}</source>
        <translation>Réseau {size}</translation>
    </message>
    <message>
        <source>Network's input in pixels:</source>
        <translation>Entrée du réseau en pixels :</translation>
    </message>
    <message>
        <source>Networks (*.cfg);;All files (*)</source>
        <translation>Réseaux (*.cfg);;Tous les fichiers (*)</translation>
    </message>
    <message>
        <source>Network…</source>
        <translation>Réseau…</translation>
    </message>
    <message>
        <source>New class</source>
        <translation>Nouvelle classe</translation>
    </message>
    <message>
        <source>New training</source>
        <translation>Nouvel entraînement</translation>
    </message>
    <message>
        <source>Next</source>
        <translation>À faire</translation>
    </message>
    <message>
        <source>Next box</source>
        <translation>Boîte suivante</translation>
    </message>
    <message>
        <source>Next box: {name}</source>
        <translation>Prochaine boîte : {name}</translation>
    </message>
    <message>
        <source>Next finding</source>
        <translation>Anomalie suivante</translation>
    </message>
    <message>
        <source>Next in the whole set, filter or not</source>
        <translation>Suivante de tout le jeu, filtre ou non</translation>
    </message>
    <message>
        <source>Next mistake of the network</source>
        <translation>Erreur suivante du réseau</translation>
    </message>
    <message>
        <source>Next not reviewed</source>
        <translation>Suivante non vérifiée</translation>
    </message>
    <message>
        <source>Next picture</source>
        <translation>Image suivante</translation>
    </message>
    <message>
        <source>Next that fits the filter now</source>
        <translation>Suivante qui correspond au filtre</translation>
    </message>
    <message>
        <source>No Darknet was found. Install Debian's for the CPU (apt install darknet), or build AlexeyAB's or hank-ai's with CUDA for the GPU; then put it on PATH and press Look again, or choose the program.</source>
        <translation>Aucun Darknet n’a été trouvé. Installez celui de Debian pour le processeur (apt install darknet), ou compilez celui d’AlexeyAB ou de hank-ai avec CUDA pour la carte graphique; mettez-le ensuite dans PATH et appuyez sur Chercher de nouveau, ou choisissez le programme.</translation>
    </message>
    <message>
        <source>No box at all of: {names}.</source>
        <translation>Aucune boîte de : {names}.</translation>
    </message>
    <message>
        <source>No box is like that. Choose another class, split or size.</source>
        <translation>Aucune boîte n’est ainsi. Choisissez une autre classe, une autre partie ou une autre taille.</translation>
    </message>
    <message>
        <source>No box was copied yet</source>
        <translation>Aucune boîte n’a encore été copiée</translation>
    </message>
    <message>
        <source>No boxes</source>
        <translation>Aucune boîte</translation>
    </message>
    <message>
        <source>No class's share of boxes is off by more than {percent} % ({name} in {split}).</source>
        <translation>Aucune classe n’a une part de boîtes qui s’écarte de plus de {percent} % ({name} dans {split}).</translation>
    </message>
    <message>
        <source>No copies yet.</source>
        <translation>Aucune copie encore.</translation>
    </message>
    <message>
        <source>No editor opened it. The table is {path}</source>
        <translation>Aucun éditeur ne l’a ouvert. La table est {path}</translation>
    </message>
    <message>
        <source>No file changes.</source>
        <translation>Aucun fichier ne change.</translation>
    </message>
    <message>
        <source>No file of weights is chosen.</source>
        <translation>Aucun fichier de poids n’est choisi.</translation>
    </message>
    <message>
        <source>No labels were found beside the pictures: press W and draw the first box. What you draw is written as {format}, beside each picture (File &gt; Format of new labels…).</source>
        <translation>Aucune étiquette n’a été trouvée près des images : appuyez sur W et tracez la première boîte. Vos tracés sont écrits en {format}, à côté de chaque image (Fichier &gt; Format des nouvelles étiquettes…).</translation>
    </message>
    <message>
        <source>No network</source>
        <translation>Aucun réseau</translation>
    </message>
    <message>
        <source>No picture before this one fits the filter.</source>
        <translation>Aucune image avant celle-ci ne correspond au filtre.</translation>
    </message>
    <message>
        <source>No picture further on fits the filter.</source>
        <translation>Aucune image plus loin ne correspond au filtre.</translation>
    </message>
    <message>
        <source>No picture of the open set: {what}.</source>
        <translation>Aucune image du jeu ouvert : {what}.</translation>
    </message>
    <message>
        <source>No picture of the set is in a split</source>
        <translation>Aucune image du jeu n’est dans une partie</translation>
    </message>
    <message>
        <source>No prediction to accept in this picture</source>
        <translation>Aucune prédiction à accepter sur cette image</translation>
    </message>
    <message>
        <source>No prediction was dismissed in this picture</source>
        <translation>Aucune prédiction n’a été écartée sur cette image</translation>
    </message>
    <message>
        <source>No program that shows folders was found. It is {path}</source>
        <translation>Aucun programme pour montrer des dossiers n’a été trouvé. C’est {path}</translation>
    </message>
    <message>
        <source>No set was opened yet. The demo set is a good beginning: 1 draw and correct boxes, 2 look at the balance of the classes, 3 split, 4 augment, 5 train, 6 look at the mistakes. Ctrl+K finds every action, F1 shows the keys.</source>
        <translation>Aucun jeu n’a encore été ouvert. Le jeu de démonstration est un bon début : 1 tracer et corriger des boîtes, 2 regarder l’équilibre des classes, 3 répartir, 4 augmenter, 5 entraîner, 6 regarder les erreurs. Ctrl+K trouve chaque action, F1 montre les touches.</translation>
    </message>
    <message>
        <source>No size in the label file</source>
        <translation>Pas de taille dans le fichier d’étiquettes</translation>
    </message>
    <message>
        <source>No training box of {name}: copies cannot add any.</source>
        <translation>Aucune boîte d’entraînement de {name} : les copies ne peuvent en ajouter.</translation>
    </message>
    <message>
        <source>No training can start with this</source>
        <translation>Aucun entraînement ne peut démarrer avec cela</translation>
    </message>
    <message>
        <source>No training is running.</source>
        <translation>Aucun entraînement n’est en cours.</translation>
    </message>
    <message>
        <source>Noise is added to pictures, up to so much of 255</source>
        <translation>Du bruit est ajouté aux images, jusqu’à autant sur 255</translation>
    </message>
    <message>
        <source>None of its {what} can be cut out: they are small, at the edge, not whole, or beside another face.</source>
        <translation>Aucune de ses {what} ne peut être découpée : elles sont petites, au bord, incomplètes ou contre un autre visage.</translation>
    </message>
    <message>
        <source>None of the known weights is chosen.</source>
        <translation>Aucun des poids connus n’est choisi.</translation>
    </message>
    <message>
        <source>None of the numbers is told apart from chance: any two trainings differ on single pictures, and these tell only where.</source>
        <translation>Aucun des nombres ne se distingue du hasard : deux entraînements diffèrent toujours sur quelques images, et celles-ci disent seulement où.</translation>
    </message>
    <message>
        <source>None of the pictures could be looked at.</source>
        <translation>Aucune des images n’a pu être regardée.</translation>
    </message>
    <message>
        <source>None of the weights found anything right on validation. Train longer, or look at the labels.</source>
        <translation>Aucun des poids n’a rien trouvé de juste sur la validation. Entraînez plus longtemps, ou regardez les étiquettes.</translation>
    </message>
    <message>
        <source>None: begin at random</source>
        <translation>Aucun : partir du hasard</translation>
    </message>
    <message>
        <source>Not a finite number</source>
        <translation>Pas un nombre fini</translation>
    </message>
    <message>
        <source>Not a number</source>
        <translation>Pas un nombre</translation>
    </message>
    <message>
        <source>Not checked.</source>
        <translation>Non contrôlé.</translation>
    </message>
    <message>
        <source>Not evaluated yet: {names}.</source>
        <translation>Pas encore évalué : {names}.</translation>
    </message>
    <message>
        <source>Not labelled yet</source>
        <translation>Pas encore étiquetée</translation>
    </message>
    <message>
        <source>Not looked at</source>
        <translation>Pas encore regardé</translation>
    </message>
    <message>
        <source>Not reviewed</source>
        <translation>Non vérifiée</translation>
    </message>
    <message>
        <source>Not saved: {problem}</source>
        <translation>Non enregistré : {problem}</translation>
    </message>
    <message>
        <source>Not started: {why}</source>
        <translation>Pas lancé : {why}</translation>
    </message>
    <message>
        <source>Not there now. Del takes it from this list.</source>
        <translation>N’est plus là. Suppr l’ôte de cette liste.</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Remarque</translation>
    </message>
    <message>
        <source>Note for {run}:</source>
        <translation>Note pour {run} :</translation>
    </message>
    <message>
        <source>Note…</source>
        <translation>Note…</translation>
    </message>
    <message>
        <source>Nothing can be mended in this way.</source>
        <translation>Rien ne peut être corrigé de cette façon.</translation>
    </message>
    <message>
        <source>Nothing found.</source>
        <translation>Rien trouvé.</translation>
    </message>
    <message>
        <source>Nothing found. What was looked at:</source>
        <translation>Rien trouvé. Ce qui a été examiné :</translation>
    </message>
    <message>
        <source>Nothing is changed yet.</source>
        <translation>Rien n’est encore changé.</translation>
    </message>
    <message>
        <source>Nothing labelled</source>
        <translation>Rien d’étiqueté</translation>
    </message>
    <message>
        <source>Nothing of this kind is left.</source>
        <translation>Il n’en reste aucune de ce genre.</translation>
    </message>
    <message>
        <source>Nothing stands in the way of this training.</source>
        <translation>Rien ne s’oppose à cet entraînement.</translation>
    </message>
    <message>
        <source>Nothing that this set has is lost.</source>
        <translation>Rien de ce que ce jeu contient n’est perdu.</translation>
    </message>
    <message>
        <source>Nothing to do: the training boxes are as asked for already.</source>
        <translation>Rien à faire : les boîtes d’entraînement sont déjà comme demandé.</translation>
    </message>
    <message>
        <source>Nothing was found so far</source>
        <translation>Rien trouvé jusqu’ici</translation>
    </message>
    <message>
        <source>Nothing was measured while this run was trained: evaluate it on the next page.</source>
        <translation>Rien n’a été mesuré pendant cet entraînement : évaluez-le sur la page suivante.</translation>
    </message>
    <message>
        <source>Nothing was said yet.</source>
        <translation>Rien n’a encore été dit.</translation>
    </message>
    <message>
        <source>Nothing was saved yet (Darknet saves every 100 iterations): it would have to begin anew.</source>
        <translation>Rien n’est encore enregistré (Darknet enregistre toutes les 100 itérations) : il faudrait tout recommencer.</translation>
    </message>
    <message>
        <source>Nothing was saved.</source>
        <translation>Rien n’a été enregistré.</translation>
    </message>
    <message>
        <source>Notice of findings on the picture</source>
        <translation>Avis d’anomalies sur l’image</translation>
    </message>
    <message>
        <source>Now</source>
        <translation>Maintenant</translation>
    </message>
    <message>
        <source>Number</source>
        <translation>Nombre</translation>
    </message>
    <message>
        <source>Numbers</source>
        <translation>Nombres</translation>
    </message>
    <message>
        <source>Of a missed box: of the surest prediction below the threshold that nearly found it</source>
        <translation>Pour une boîte manquée : celle de la prédiction la plus sûre sous le seuil qui l’a presque trouvée</translation>
    </message>
    <message>
        <source>Of the chosen runs keep the best and the last weights, and delete the others</source>
        <translation>Garder des entraînements choisis les meilleurs et les derniers poids, et supprimer les autres</translation>
    </message>
    <message>
        <source>Of the mistakes, one stands out: {what} (of {total} mistakes). Look at them: what do they have in common?</source>
        <translation>Parmi les erreurs, une ressort : {what} (sur {total} erreurs). Regardez-les : qu’ont-elles en commun ?</translation>
    </message>
    <message>
        <source>Old runs and their weights: how much room they take, and deleting them</source>
        <translation>Anciens entraînements et leurs poids : la place qu’ils prennent, et leur suppression</translation>
    </message>
    <message>
        <source>On average {points} points not sure enough.</source>
        <translation>En moyenne, {points} points de trop peu de confiance.</translation>
    </message>
    <message>
        <source>On average {points} points too sure.</source>
        <translation>En moyenne, {points} points de trop de confiance.</translation>
    </message>
    <message>
        <source>On pictures that it was trained on the network reaches {here} %, on validation {there} %: it learns these pictures by heart. {what}</source>
        <translation>Sur les images de son entraînement, le réseau atteint {here} %, sur la validation {there} % : il apprend ces images par cœur. {what}</translation>
    </message>
    <message>
        <source>On the pictures with {name} stand {share} {other} boxes for each of its own; a copy adds both.</source>
        <translation>Sur les images avec {name}, il y a {share} boîtes {other} pour chacune des siennes; une copie ajoute les deux.</translation>
    </message>
    <message numerus="yes">
        <source>On {n} test pictures of both, in percent; the labels are those of now.</source>
        <translation>
            <numerusform>Sur {n} image de test des deux, en pour cent; les étiquettes sont celles d’aujourd’hui.</numerusform>
            <numerusform>Sur {n} images de test des deux, en pour cent; les étiquettes sont celles d’aujourd’hui.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>On {n} validation pictures of both, in percent; the labels are those of now.</source>
        <translation>
            <numerusform>Sur {n} image de validation des deux, en pour cent ; les étiquettes sont les actuelles.</numerusform>
            <numerusform>Sur {n} images de validation des deux, en pour cent ; les étiquettes sont les actuelles.</numerusform>
        </translation>
    </message>
    <message>
        <source>One JSON file and its labelling setup: to import into Label Studio.</source>
        <translation>Un fichier JSON et sa configuration d’étiquetage : à importer dans Label Studio.</translation>
    </message>
    <message>
        <source>One JSON file for each picture: to go on in labelme or X-AnyLabeling.</source>
        <translation>Un fichier JSON par image : pour continuer dans labelme ou X-AnyLabeling.</translation>
    </message>
    <message>
        <source>One JSON file for each split: Detectron2, MMDetection, torchvision, FiftyOne, CVAT.</source>
        <translation>Un fichier JSON par partie : Detectron2, MMDetection, torchvision, FiftyOne, CVAT.</translation>
    </message>
    <message>
        <source>One XML file for each picture. labelImg, many older detectors, and this tool's own choice.</source>
        <translation>Un fichier XML par image. labelImg, bien des détecteurs plus anciens, et le choix de cet outil-ci.</translation>
    </message>
    <message>
        <source>One XML file: to import into CVAT (as “CVAT for images”).</source>
        <translation>Un fichier XML : à importer dans CVAT (comme « CVAT for images »).</translation>
    </message>
    <message>
        <source>One frame back</source>
        <translation>Une image en arrière</translation>
    </message>
    <message>
        <source>One frame back (←; with Shift ten seconds)</source>
        <translation>Une image en arrière (← ; avec Maj dix secondes)</translation>
    </message>
    <message>
        <source>One frame on</source>
        <translation>Une image en avant</translation>
    </message>
    <message>
        <source>One frame on (→; with Shift ten seconds)</source>
        <translation>Une image en avant (→ ; avec Maj dix secondes)</translation>
    </message>
    <message>
        <source>One moment</source>
        <translation>Un instant</translation>
    </message>
    <message>
        <source>One object labelled twice, or two that overlap? Delete one, or keep both.</source>
        <translation>Un objet étiqueté deux fois, ou deux qui se chevauchent? Supprimez-en une, ou gardez les deux.</translation>
    </message>
    <message>
        <source>One of the runs kept no record of its labels, so what was relabelled between them is not known.</source>
        <translation>L’un des entraînements n’a pas gardé trace de ses étiquettes : on ne sait pas ce qui a été réétiqueté entre les deux.</translation>
    </message>
    <message>
        <source>Only one of the runs knows {names}: left out.</source>
        <translation>Un seul des entraînements connaît {names} : laissé de côté.</translation>
    </message>
    <message>
        <source>Only predictions that differ from the labels</source>
        <translation>Seulement les prédictions qui diffèrent des étiquettes</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Ouvrir</translation>
    </message>
    <message>
        <source>Open a folder of pictures</source>
        <translation>Ouvrir un dossier d’images</translation>
    </message>
    <message>
        <source>Open a folder…</source>
        <translation>Ouvrir un dossier…</translation>
    </message>
    <message>
        <source>Open a video</source>
        <translation>Ouvrir une vidéo</translation>
    </message>
    <message>
        <source>Open a video, or switch a camera on: the network looks at every frame.</source>
        <translation>Ouvrir une vidéo ou allumer une caméra : le réseau regarde chaque trame.</translation>
    </message>
    <message>
        <source>Open a video…</source>
        <translation>Ouvrir une vidéo…</translation>
    </message>
    <message>
        <source>Open a zip</source>
        <translation>Ouvrir un zip</translation>
    </message>
    <message>
        <source>Open a zip…</source>
        <translation>Ouvrir un zip…</translation>
    </message>
    <message>
        <source>Open as it is</source>
        <translation>Ouvrir tel quel</translation>
    </message>
    <message>
        <source>Open folder…</source>
        <translation>Ouvrir un dossier…</translation>
    </message>
    <message>
        <source>Open in Label</source>
        <translation>Voir l’étiquetage</translation>
    </message>
    <message>
        <source>Open in an editor</source>
        <translation>Ouvrir dans un éditeur</translation>
    </message>
    <message>
        <source>Open it</source>
        <translation>L’ouvrir</translation>
    </message>
    <message>
        <source>Open the demo set</source>
        <translation>Ouvrir la démonstration</translation>
    </message>
    <message>
        <source>Open the folder</source>
        <translation>Ouvrir le dossier</translation>
    </message>
    <message>
        <source>Open the label file in the editor of the system; F5 reads the set again</source>
        <translation>Ouvrir le fichier d’étiquettes dans l’éditeur du système; F5 relit le jeu</translation>
    </message>
    <message>
        <source>Open the picture</source>
        <translation>Ouvrir l’image</translation>
    </message>
    <message>
        <source>Open the report</source>
        <translation>Ouvrir le rapport</translation>
    </message>
    <message>
        <source>Open the text…</source>
        <translation>Ouvrir le texte…</translation>
    </message>
    <message>
        <source>Open your own table of weights in an editor; what you save there is shown here at once</source>
        <translation>Ouvrir votre propre table de poids dans un éditeur ; ce que vous y enregistrez apparaît aussitôt ici</translation>
    </message>
    <message>
        <source>Open zip…</source>
        <translation>Ouvrir un zip…</translation>
    </message>
    <message>
        <source>Open {name}, or add its pictures to this set?</source>
        <translation>Ouvrir {name}, ou ajouter ses images à ce jeu?</translation>
    </message>
    <message>
        <source>Opening</source>
        <translation>Ouverture</translation>
    </message>
    <message>
        <source>Opening {name}…</source>
        <translation>Ouverture de {name}…</translation>
    </message>
    <message>
        <source>Opening…</source>
        <translation>Ouverture…</translation>
    </message>
    <message>
        <source>Operations</source>
        <translation>Opérations</translation>
    </message>
    <message>
        <source>Options</source>
        <translation>Options</translation>
    </message>
    <message>
        <source>Options: {changed}</source>
        <translation>Options : {changed}</translation>
    </message>
    <message>
        <source>Order of the list</source>
        <translation>Ordre de la liste</translation>
    </message>
    <message>
        <source>Other pictures</source>
        <translation>Autres images</translation>
    </message>
    <message>
        <source>Output</source>
        <translation>Sortie</translation>
    </message>
    <message>
        <source>Over the classes that {split} has, mAP@0.50 is {value} %.</source>
        <translation>Sur les classes présentes dans {split}, le mAP@0.50 est de {value} %.</translation>
    </message>
    <message>
        <source>Overwrite changed files</source>
        <translation>Écraser les fichiers changés</translation>
    </message>
    <message>
        <source>Parameters</source>
        <translation>Paramètres</translation>
    </message>
    <message>
        <source>Parts</source>
        <translation>Parties</translation>
    </message>
    <message>
        <source>Parts of a batch worked on at once; more needs less memory</source>
        <translation>Parties d’un lot traitées à la fois; plus il y en a, moins il faut de mémoire</translation>
    </message>
    <message>
        <source>Paste a picture</source>
        <translation>Coller une image</translation>
    </message>
    <message>
        <source>Paste boxes</source>
        <translation>Coller les boîtes</translation>
    </message>
    <message>
        <source>Pasted
of these</source>
        <translation>Dont
collées</translation>
    </message>
    <message>
        <source>Pasting</source>
        <translation>Collage</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Suspendre</translation>
    </message>
    <message>
        <source>Paused at iteration {done} of {total}.</source>
        <translation>Suspendu à l’itération {done} sur {total}.</translation>
    </message>
    <message>
        <source>Picture</source>
        <translation>Image</translation>
    </message>
    <message>
        <source>Picture cut short</source>
        <translation>Image tronquée</translation>
    </message>
    <message>
        <source>Picture missing</source>
        <translation>Image manquante</translation>
    </message>
    <message>
        <source>Picture or file</source>
        <translation>Image ou fichier</translation>
    </message>
    <message>
        <source>Picture without labels</source>
        <translation>Image sans étiquettes</translation>
    </message>
    <message>
        <source>Pictures</source>
        <translation>Images</translation>
    </message>
    <message>
        <source>Pictures added: {some}</source>
        <translation>Images ajoutées : {some}</translation>
    </message>
    <message>
        <source>Pictures are changed against the network (self-adversarial training); doubles the time</source>
        <translation>Les images sont changées contre le réseau (apprentissage auto-antagoniste); double le temps</translation>
    </message>
    <message>
        <source>Pictures are cut and stretched by up to this part</source>
        <translation>Les images sont rognées et étirées jusqu’à cette part</translation>
    </message>
    <message>
        <source>Pictures are scaled to this size; larger finds smaller faces and is slower</source>
        <translation>Les images sont mises à cette taille; plus grande, elle trouve de plus petits visages et va moins vite</translation>
    </message>
    <message>
        <source>Pictures are turned by up to so many degrees; boxes are not: leave it at 0</source>
        <translation>Les images tournent jusqu’à autant de degrés; les boîtes non : laissez 0</translation>
    </message>
    <message>
        <source>Pictures become up to so many times brighter or darker</source>
        <translation>Les images deviennent jusqu’à autant de fois plus claires ou plus sombres</translation>
    </message>
    <message>
        <source>Pictures in another split: {some}</source>
        <translation>Images dans une autre partie : {some}</translation>
    </message>
    <message>
        <source>Pictures in one iteration</source>
        <translation>Images par itération</translation>
    </message>
    <message>
        <source>Pictures or labels of test were changed since it was measured: it was measured again.</source>
        <translation>Des images ou des étiquettes du test ont changé depuis la mesure : elle a été refaite.</translation>
    </message>
    <message>
        <source>Pictures or labels were changed since. All of this is as it was measured: evaluate again to count the labels of now.</source>
        <translation>Des images ou des étiquettes ont changé depuis. Tout ceci est tel que mesuré : évaluez à nouveau pour compter les étiquettes actuelles.</translation>
    </message>
    <message>
        <source>Pictures or labels were changed since: evaluate again to see curves and mistakes.</source>
        <translation>Des images ou des étiquettes ont changé depuis : réévaluez pour voir les courbes et les erreurs.</translation>
    </message>
    <message>
        <source>Pictures relabelled: {some}</source>
        <translation>Images réétiquetées : {some}</translation>
    </message>
    <message>
        <source>Pictures removed: {some}</source>
        <translation>Images enlevées : {some}</translation>
    </message>
    <message>
        <source>Pictures that show two classes</source>
        <translation>Images qui montrent deux classes</translation>
    </message>
    <message>
        <source>Pictures to look at</source>
        <translation>Images à regarder</translation>
    </message>
    <message>
        <source>Pictures to try everything on: a copy that you may change</source>
        <translation>Des images pour tout essayer : une copie que vous pouvez modifier</translation>
    </message>
    <message>
        <source>Pictures with boxes, CSV, COCO, YOLO: of what is shown</source>
        <translation>Images avec boîtes, CSV, COCO, YOLO : de ce qui est montré</translation>
    </message>
    <message>
        <source>Pictures with each class</source>
        <translation>Images avec chaque classe</translation>
    </message>
    <message>
        <source>Pictures with such boxes are left out; nothing is written</source>
        <translation>Les images avec de telles boîtes sont laissées de côté; rien n’est écrit</translation>
    </message>
    <message>
        <source>Pictures without any labels get a label file beside each, in this format.
Sets that have labels keep the format they have; Export writes any other one.</source>
        <translation>Les images sans étiquettes reçoivent un fichier d’étiquettes à côté d’elles, dans ce format.
Les jeux étiquetés gardent leur format; Exporter en écrit tout autre.</translation>
    </message>
    <message>
        <source>Pictures/s</source>
        <translation>Images/s</translation>
    </message>
    <message>
        <source>Pictures: {sizes}.</source>
        <translation>Images : {sizes}.</translation>
    </message>
    <message>
        <source>Pictures…</source>
        <translation>Images…</translation>
    </message>
    <message>
        <source>Plan</source>
        <translation>Plan</translation>
    </message>
    <message>
        <source>Play</source>
        <translation>Lire</translation>
    </message>
    <message>
        <source>Policies</source>
        <translation>Stratégies</translation>
    </message>
    <message>
        <source>Policy</source>
        <translation>Stratégie</translation>
    </message>
    <message>
        <source>Precision and recall at IoU 0.50 (dots: at the confidence threshold)</source>
        <translation>Précision et rappel à IoU 0.50 (points : au seuil de confiance)</translation>
    </message>
    <message>
        <source>Precision and recall at IoU 0.75</source>
        <translation>Précision et rappel à IoU 0.75</translation>
    </message>
    <message>
        <source>Predict</source>
        <translation>Prédire</translation>
    </message>
    <message>
        <source>Predict all pictures of the list</source>
        <translation>Prédire toutes les images de la liste</translation>
    </message>
    <message>
        <source>Prediction (✓ right, ✗ wrong)</source>
        <translation>Prédiction (✓ juste, ✗ fausse)</translation>
    </message>
    <message>
        <source>Predictions</source>
        <translation>Prédictions</translation>
    </message>
    <message>
        <source>Predictions from {percent} %</source>
        <translation>Prédictions dès {percent} %</translation>
    </message>
    <message>
        <source>Predictions from {percent} %: {what}</source>
        <translation>Prédictions dès {percent} % : {what}</translation>
    </message>
    <message>
        <source>Predictions of a network</source>
        <translation>Prédictions d’un réseau</translation>
    </message>
    <message>
        <source>Press Predict to let the network look at the pictures.</source>
        <translation>Appuyez sur Prédire pour que le réseau regarde les images.</translation>
    </message>
    <message>
        <source>Press W to draw a box</source>
        <translation>Appuyez sur W pour tracer une boîte</translation>
    </message>
    <message>
        <source>Press the key now (Esc: none)</source>
        <translation>Appuyez maintenant sur la touche (Échap : aucune)</translation>
    </message>
    <message>
        <source>Previous</source>
        <translation>Précédente</translation>
    </message>
    <message>
        <source>Previous box</source>
        <translation>Boîte précédente</translation>
    </message>
    <message>
        <source>Previous finding</source>
        <translation>Anomalie précédente</translation>
    </message>
    <message>
        <source>Previous in the whole set, filter or not</source>
        <translation>Précédente de tout le jeu, filtre ou non</translation>
    </message>
    <message>
        <source>Previous mistake of the network</source>
        <translation>Erreur précédente du réseau</translation>
    </message>
    <message>
        <source>Previous not reviewed</source>
        <translation>Précédente non vérifiée</translation>
    </message>
    <message>
        <source>Previous picture</source>
        <translation>Image précédente</translation>
    </message>
    <message>
        <source>Previous that fits the filter now</source>
        <translation>Précédente qui correspond au filtre</translation>
    </message>
    <message>
        <source>Put each such group into one split.</source>
        <translation>Mettez chaque groupe de ce genre dans une seule partie.</translation>
    </message>
    <message>
        <source>Put in the queue</source>
        <translation>Mettre dans la file</translation>
    </message>
    <message>
        <source>Put it in the queue</source>
        <translation>Mettre dans la file</translation>
    </message>
    <message>
        <source>Put the chosen pictures back in their places with their boxes (Enter)</source>
        <translation>Remettre les images choisies à leur place avec leurs boîtes (Entrée)</translation>
    </message>
    <message>
        <source>Put the chosen run in the queue</source>
        <translation>Le mettre dans la file</translation>
    </message>
    <message>
        <source>Put the label file aside; the picture is listed without labels</source>
        <translation>Mettre le fichier d’étiquettes de côté; l’image est listée sans étiquettes</translation>
    </message>
    <message>
        <source>Put them together</source>
        <translation>Les réunir</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Quitter</translation>
    </message>
    <message>
        <source>Raise Iterations</source>
        <translation>Augmenter Itérations</translation>
    </message>
    <message>
        <source>Raise max_batches.</source>
        <translation>Augmentez max_batches.</translation>
    </message>
    <message>
        <source>Ratio</source>
        <translation>Rapport</translation>
    </message>
    <message>
        <source>Read the set again</source>
        <translation>Relire le jeu</translation>
    </message>
    <message>
        <source>Reading</source>
        <translation>Lecture</translation>
    </message>
    <message>
        <source>Reading the label files…</source>
        <translation>Lecture des fichiers d’étiquettes…</translation>
    </message>
    <message>
        <source>Reading the numbers…</source>
        <translation>Lecture des chiffres…</translation>
    </message>
    <message>
        <source>Reading the set</source>
        <translation>Lecture du jeu</translation>
    </message>
    <message>
        <source>Reading the set: {done} of {total}</source>
        <translation>Lecture du jeu : {done} sur {total}</translation>
    </message>
    <message numerus="yes">
        <source>Reading the set: {n} pictures</source>
        <translation>
            <numerusform>Lecture du jeu : {n} image</numerusform>
            <numerusform>Lecture du jeu : {n} images</numerusform>
        </translation>
    </message>
    <message>
        <source>Reading the trash</source>
        <translation>Lecture de la corbeille</translation>
    </message>
    <message>
        <source>Recent sets</source>
        <translation>Jeux récents</translation>
    </message>
    <message>
        <source>Record</source>
        <translation>Filmer</translation>
    </message>
    <message>
        <source>Redo</source>
        <translation>Rétablir</translation>
    </message>
    <message>
        <source>Redo: {what}</source>
        <translation>Rétablir : {what}</translation>
    </message>
    <message>
        <source>Redo: {what} (Ctrl+Shift+Z)</source>
        <translation>Rétablir : {what} (Ctrl+Maj+Z)</translation>
    </message>
    <message>
        <source>Relabel as {name}</source>
        <translation>Donner la classe {name}</translation>
    </message>
    <message>
        <source>Relabel crops: class {number}</source>
        <translation>Vignettes : donner la classe {number}</translation>
    </message>
    <message>
        <source>Remove from the list (Del)</source>
        <translation>Ôter de la liste (Suppr)</translation>
    </message>
    <message>
        <source>Removed</source>
        <translation>Enlevée</translation>
    </message>
    <message>
        <source>Rename it: no 'images' or 'raw' in the path, and .png or .jpg once, at the end.</source>
        <translation>Renommez-la : ni « images » ni « raw » dans le chemin, et .png ou .jpg une seule fois, à la fin.</translation>
    </message>
    <message>
        <source>Rename the picture: letters, digits, and . _ - are fine.</source>
        <translation>Renommez l’image : lettres, chiffres et . _ - conviennent.</translation>
    </message>
    <message>
        <source>Report to send to someone (HTML)…</source>
        <translation>Rapport à envoyer à quelqu’un (HTML)…</translation>
    </message>
    <message>
        <source>Reset all…</source>
        <translation>Tout réinitialiser…</translation>
    </message>
    <message>
        <source>Reset this one</source>
        <translation>Réinitialiser</translation>
    </message>
    <message>
        <source>Resume the chosen run</source>
        <translation>Reprendre l’entraînement choisi</translation>
    </message>
    <message>
        <source>Review</source>
        <translation>Vérification</translation>
    </message>
    <message>
        <source>Reviewed</source>
        <translation>Vérifiée</translation>
    </message>
    <message>
        <source>Reviewed or not</source>
        <translation>Vérifiée ou non</translation>
    </message>
    <message>
        <source>Reviewed, and next</source>
        <translation>Vérifiée, et suivante</translation>
    </message>
    <message>
        <source>Right as they are</source>
        <translation>Justes telles quelles</translation>
    </message>
    <message>
        <source>Run</source>
        <translation>Entraînement</translation>
    </message>
    <message>
        <source>Run it in a terminal (darknet version) to see what it waits for, or choose another.</source>
        <translation>Lancez-le dans un terminal (darknet version) pour voir ce qu’il attend, ou choisissez-en un autre.</translation>
    </message>
    <message>
        <source>Runs and weights</source>
        <translation>Entraînements et poids</translation>
    </message>
    <message>
        <source>Runs and weights…</source>
        <translation>Entraînements et poids…</translation>
    </message>
    <message>
        <source>Runs…</source>
        <translation>Gérer…</translation>
    </message>
    <message>
        <source>Same picture in two splits</source>
        <translation>Même image dans deux parties</translation>
    </message>
    <message>
        <source>Same picture, other boxes</source>
        <translation>Même image, autres boîtes</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>Enregistrer</translation>
    </message>
    <message>
        <source>Save and read again</source>
        <translation>Enregistrer et relire</translation>
    </message>
    <message>
        <source>Save diagnostics</source>
        <translation>Enregistrer un diagnostic</translation>
    </message>
    <message>
        <source>Save diagnostics…</source>
        <translation>Enregistrer un diagnostic…</translation>
    </message>
    <message>
        <source>Save it…</source>
        <translation>L’enregistrer…</translation>
    </message>
    <message>
        <source>Save now</source>
        <translation>Enregistrer</translation>
    </message>
    <message>
        <source>Save plan…</source>
        <translation>Enregistrer…</translation>
    </message>
    <message>
        <source>Save the chart that is shown as PNG, or all numbers as CSV</source>
        <translation>Enregistrer le graphique affiché en PNG, ou tous les nombres en CSV</translation>
    </message>
    <message>
        <source>Save the plan</source>
        <translation>Enregistrer le plan</translation>
    </message>
    <message>
        <source>Save the predictions</source>
        <translation>Enregistrer les prédictions</translation>
    </message>
    <message>
        <source>Save the report</source>
        <translation>Enregistrer le rapport</translation>
    </message>
    <message>
        <source>Save the video</source>
        <translation>Enregistrer la vidéo</translation>
    </message>
    <message>
        <source>Save with boxes…</source>
        <translation>Enregistrer avec boîtes…</translation>
    </message>
    <message>
        <source>Saved as {name}</source>
        <translation>Enregistré sous {name}</translation>
    </message>
    <message>
        <source>Saved at</source>
        <translation>Enregistré à</translation>
    </message>
    <message>
        <source>Saved in {name}</source>
        <translation>Enregistré dans {name}</translation>
    </message>
    <message>
        <source>Saved: {path}</source>
        <translation>Enregistré : {path}</translation>
    </message>
    <message>
        <source>Save…</source>
        <translation>Enregistrer…</translation>
    </message>
    <message>
        <source>Saving at iteration {iteration} needs {size}, and the disk has {free} left.</source>
        <translation>L’enregistrement à l’itération {iteration} demande {size}, et il reste {free} sur le disque.</translation>
    </message>
    <message>
        <source>Scale the boxes</source>
        <translation>Ajuster les boîtes</translation>
    </message>
    <message>
        <source>Scaled-YOLOv4: about as accurate as yolov4 with a sixth less work</source>
        <translation>Scaled-YOLOv4 : à peu près aussi précis que yolov4 avec un sixième de travail en moins</translation>
    </message>
    <message>
        <source>Search and filter</source>
        <translation>Chercher et filtrer</translation>
    </message>
    <message>
        <source>Search by name</source>
        <translation>Chercher par nom</translation>
    </message>
    <message>
        <source>Search for an action or a key</source>
        <translation>Chercher une action ou une touche</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>Graine</translation>
    </message>
    <message>
        <source>Seen at iteration {iteration}</source>
        <translation>Vu à l’itération {iteration}</translation>
    </message>
    <message>
        <source>Seen at iteration {iteration}, the newest</source>
        <translation>Vu à l’itération {iteration}, la plus récente</translation>
    </message>
    <message>
        <source>Select a box; again: the one under it</source>
        <translation>Sélectionner une boîte; encore : celle du dessous</translation>
    </message>
    <message>
        <source>Select a prediction first ({key}, or a click)</source>
        <translation>Sélectionnez d’abord une prédiction ({key}, ou un clic)</translation>
    </message>
    <message>
        <source>Select all boxes</source>
        <translation>Sélectionner toutes les boîtes</translation>
    </message>
    <message>
        <source>Select all crops</source>
        <translation>Sélectionner toutes les vignettes</translation>
    </message>
    <message>
        <source>Select crops first: click, drag a frame, or press Ctrl+A.</source>
        <translation>Sélectionnez d’abord des vignettes : cliquez, tirez un cadre ou appuyez sur Ctrl+A.</translation>
    </message>
    <message>
        <source>Selected</source>
        <translation>Sélectionnées</translation>
    </message>
    <message>
        <source>Set mosaic=0 or letter_box=0.</source>
        <translation>Mettez mosaic=0 ou letter_box=0.</translation>
    </message>
    <message>
        <source>Set mosaic=0, or build it with OPENCV=1.</source>
        <translation>Mettez mosaic=0 ou compilez-le avec OPENCV=1.</translation>
    </message>
    <message>
        <source>Set the learning rate to {rate}</source>
        <translation>Régler le taux d’apprentissage à {rate}</translation>
    </message>
    <message>
        <source>Set the size to {side} px</source>
        <translation>Régler la taille à {side} px</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Paramètres</translation>
    </message>
    <message>
        <source>Settings…</source>
        <translation>Paramètres…</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Afficher</translation>
    </message>
    <message>
        <source>Show again</source>
        <translation>Réafficher</translation>
    </message>
    <message>
        <source>Show all</source>
        <translation>Tout afficher</translation>
    </message>
    <message>
        <source>Show all pictures</source>
        <translation>Voir toutes les images</translation>
    </message>
    <message>
        <source>Show dismissed predictions again</source>
        <translation>Réafficher les prédictions écartées</translation>
    </message>
    <message>
        <source>Show examples</source>
        <translation>Voir des exemples</translation>
    </message>
    <message>
        <source>Show it on the labelling page (Enter). F8 goes on to the next from there.</source>
        <translation>La montrer à la page Étiquetage (Entrée). De là, F8 passe à la suivante.</translation>
    </message>
    <message>
        <source>Show its predictions</source>
        <translation>Afficher ses prédictions</translation>
    </message>
    <message>
        <source>Show no such notice (View brings it back)</source>
        <translation>Ne plus afficher cet avis (Affichage le fait revenir)</translation>
    </message>
    <message>
        <source>Show only boxes whose shorter side is at least so long</source>
        <translation>N’afficher que les boîtes dont le petit côté est au moins aussi long</translation>
    </message>
    <message>
        <source>Show only pictures with these words in their path (Ctrl+F)</source>
        <translation>N’afficher que les images dont le chemin contient ces mots (Ctrl+F)</translation>
    </message>
    <message>
        <source>Show only some pictures</source>
        <translation>N’afficher que certaines images</translation>
    </message>
    <message>
        <source>Show only the boxes of a split</source>
        <translation>N’afficher que les boîtes d’une partie</translation>
    </message>
    <message>
        <source>Show only the pictures of these rows in the list of the labelling page</source>
        <translation>N’afficher que les images de ces lignes dans la liste de la page Étiquetage</translation>
    </message>
    <message>
        <source>Show the folder</source>
        <translation>Montrer le dossier</translation>
    </message>
    <message>
        <source>Show the label file at this line; it can be corrected there (Enter)</source>
        <translation>Montrer le fichier d’étiquettes à cette ligne; on peut l’y corriger (Entrée)</translation>
    </message>
    <message>
        <source>Show the loss on a logarithmic axis: small changes late are seen</source>
        <translation>Afficher la perte sur un axe logarithmique : on voit les petits changements tardifs</translation>
    </message>
    <message>
        <source>Show the picture</source>
        <translation>Montrer l’image</translation>
    </message>
    <message>
        <source>Show the predictions of a network first ({key}).</source>
        <translation>Affichez d’abord les prédictions d’un réseau ({key}).</translation>
    </message>
    <message>
        <source>Show them</source>
        <translation>Les montrer</translation>
    </message>
    <message>
        <source>Show these pictures in the list of the labelling page</source>
        <translation>Afficher ces images dans la liste de la page Étiquetage</translation>
    </message>
    <message>
        <source>Side by side</source>
        <translation>Côte à côte</translation>
    </message>
    <message>
        <source>Side by side…</source>
        <translation>Côte à côte…</translation>
    </message>
    <message>
        <source>Six training pictures and what becomes of them, with their boxes</source>
        <translation>Six images d’entraînement et ce qu’elles deviennent, avec leurs boîtes</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Taille</translation>
    </message>
    <message>
        <source>Size of the crops (Ctrl+wheel, + and −)</source>
        <translation>Taille des vignettes (Ctrl+molette, + et −)</translation>
    </message>
    <message>
        <source>Size of the text:</source>
        <translation>Taille du texte :</translation>
    </message>
    <message>
        <source>Sizes</source>
        <translation>Tailles</translation>
    </message>
    <message>
        <source>Sizes as a network of {width} × {height} px sees them</source>
        <translation>Tailles comme les voit un réseau de {width} × {height} px</translation>
    </message>
    <message>
        <source>Sizes in the pictures as they are</source>
        <translation>Tailles dans les images telles quelles</translation>
    </message>
    <message>
        <source>Sizes that boxes are guessed from, chosen for this set</source>
        <translation>Tailles à partir desquelles les boîtes sont devinées, choisies pour ce jeu</translation>
    </message>
    <message>
        <source>Skip</source>
        <translation>Passer</translation>
    </message>
    <message>
        <source>Small
&lt; 32²</source>
        <translation>Petites
&lt; 32²</translation>
    </message>
    <message>
        <source>Small numbers that go through in minutes on a processor: to see the loop, not to use it</source>
        <translation>De petits nombres qui passent en quelques minutes sur un processeur : pour voir la boucle, pas pour s’en servir</translation>
    </message>
    <message>
        <source>Smaller crops</source>
        <translation>Vignettes plus petites</translation>
    </message>
    <message>
        <source>Smallest box</source>
        <translation>Plus petite boîte</translation>
    </message>
    <message>
        <source>Smallest first, A to Z</source>
        <translation>Les plus petites d’abord, de A à Z</translation>
    </message>
    <message>
        <source>So that the network does not learn the same few boxes by heart.</source>
        <translation>Pour que le réseau n’apprenne pas par cœur les mêmes quelques boîtes.</translation>
    </message>
    <message>
        <source>Some changes could not be saved and would be lost.</source>
        <translation>Certaines modifications n’ont pu être enregistrées et seraient perdues.</translation>
    </message>
    <message>
        <source>Some headings follow with the next start of the window.</source>
        <translation>Certains titres suivront au prochain démarrage de la fenêtre.</translation>
    </message>
    <message>
        <source>Some of them</source>
        <translation>Quelques-unes</translation>
    </message>
    <message>
        <source>Some pictures could not be copied: {summary}.</source>
        <translation>Certaines images n’ont pu être copiées : {summary}.</translation>
    </message>
    <message>
        <source>Some pictures could not be looked at: {summary}.</source>
        <translation>Certaines images n’ont pas pu être regardées : {summary}.</translation>
    </message>
    <message>
        <source>Some pictures could not be read: {summary}.</source>
        <translation>Certaines images n’ont pu être lues : {summary}.</translation>
    </message>
    <message>
        <source>Something is still being made. Stop it?</source>
        <translation>Un travail est encore en cours. L’arrêter?</translation>
    </message>
    <message>
        <source>Something went wrong inside the tool. Your boxes are kept.</source>
        <translation>Un problème est survenu dans l’outil. Vos boîtes sont gardées.</translation>
    </message>
    <message>
        <source>Something went wrong inside the tool. Your boxes are kept; the details are in {path}.</source>
        <translation>Un problème est survenu dans l’outil. Vos boîtes sont gardées; les détails sont dans {path}.</translation>
    </message>
    <message>
        <source>Sort</source>
        <translation>Trier</translation>
    </message>
    <message>
        <source>Sort and filter again as the labels are now (R)</source>
        <translation>Trier et filtrer de nouveau selon les étiquettes actuelles (R)</translation>
    </message>
    <message>
        <source>Sort and filter the gallery again</source>
        <translation>Trier et filtrer de nouveau la galerie</translation>
    </message>
    <message>
        <source>Spare weights: {files}, {size}.</source>
        <translation>Poids superflus : {files}, {size}.</translation>
    </message>
    <message>
        <source>Split</source>
        <translation>Répartition</translation>
    </message>
    <message>
        <source>Split the set anew, or label more of them.</source>
        <translation>Répartissez l’ensemble à nouveau ou étiquetez-en davantage.</translation>
    </message>
    <message>
        <source>Split the set anew.</source>
        <translation>Répartissez l’ensemble à nouveau.</translation>
    </message>
    <message>
        <source>Split the set anew: convert-cli … --split 70/15/15</source>
        <translation>Répartissez l’ensemble à nouveau : convert-cli … --split 70/15/15</translation>
    </message>
    <message>
        <source>Split the set first: convert-cli … --split 70/15/15</source>
        <translation>Répartissez d’abord l’ensemble : convert-cli … --split 70/15/15</translation>
    </message>
    <message>
        <source>Split: {split}</source>
        <translation>Partie : {split}</translation>
    </message>
    <message>
        <source>Splits</source>
        <translation>Répartition</translation>
    </message>
    <message>
        <source>Splits are those of the list; the command knows none that were set in this window.</source>
        <translation>Les parties sont celles de la liste; la commande n’en connaît aucune fixée dans cette fenêtre.</translation>
    </message>
    <message>
        <source>Spot</source>
        <translation>Zone</translation>
    </message>
    <message>
        <source>Standard colour</source>
        <translation>Couleur standard</translation>
    </message>
    <message>
        <source>Start all the same</source>
        <translation>Lancer quand même</translation>
    </message>
    <message>
        <source>Start the queue</source>
        <translation>Démarrer la file</translation>
    </message>
    <message>
        <source>Start training</source>
        <translation>Lancer l’entraînement</translation>
    </message>
    <message>
        <source>State</source>
        <translation>État</translation>
    </message>
    <message>
        <source>Stay</source>
        <translation>Rester</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Arrêter</translation>
    </message>
    <message>
        <source>Stop drawing, deselect</source>
        <translation>Cesser de tracer, désélectionner</translation>
    </message>
    <message>
        <source>Stop it</source>
        <translation>L’arrêter</translation>
    </message>
    <message>
        <source>Stop recording</source>
        <translation>Arrêter de filmer</translation>
    </message>
    <message>
        <source>Stopped. Fetch goes on from here the next time.</source>
        <translation>Arrêté. Télécharger reprendra d’ici la prochaine fois.</translation>
    </message>
    <message>
        <source>Stronger colour: a larger part of the row's pictures.</source>
        <translation>Couleur plus forte : une plus grande part des images de la ligne.</translation>
    </message>
    <message>
        <source>Subdivisions</source>
        <translation>Subdivisions</translation>
    </message>
    <message>
        <source>Subdivisions for smaller cards: {cards}.</source>
        <translation>Subdivisions pour de plus petites cartes : {cards}.</translation>
    </message>
    <message>
        <source>Table</source>
        <translation>Tableau</translation>
    </message>
    <message>
        <source>Table of all boxes (CSV)…</source>
        <translation>Tableau de toutes les boîtes (CSV)…</translation>
    </message>
    <message>
        <source>Table of the classes (CSV)…</source>
        <translation>Tableau des classes (CSV)…</translation>
    </message>
    <message>
        <source>Tables: predictions.csv and predictions.json</source>
        <translation>Tableaux : predictions.csv et predictions.json</translation>
    </message>
    <message>
        <source>Take a file.</source>
        <translation>Prenez un fichier.</translation>
    </message>
    <message>
        <source>Take a network of ours</source>
        <translation>Prendre un de nos réseaux</translation>
    </message>
    <message>
        <source>Take another.</source>
        <translation>Prenez-en un autre.</translation>
    </message>
    <message>
        <source>Take it out of one of the two in split.csv.</source>
        <translation>Retirez-la de l’une des deux parties dans split.csv.</translation>
    </message>
    <message>
        <source>Take max=90 at most.</source>
        <translation>Prenez max=90 au plus.</translation>
    </message>
    <message>
        <source>Take one it knows</source>
        <translation>Prendre un réseau connu de lui</translation>
    </message>
    <message>
        <source>Take out</source>
        <translation>Retirer</translation>
    </message>
    <message>
        <source>Take out of the file what cannot be read, and keep the rest</source>
        <translation>Ôter du fichier ce qui ne peut être lu, et garder le reste</translation>
    </message>
    <message>
        <source>Take the blanks away</source>
        <translation>Ôter les espaces</translation>
    </message>
    <message>
        <source>Take the chosen run out of the queue; its folder stays</source>
        <translation>Retirer de la file l’entraînement choisi; son dossier reste</translation>
    </message>
    <message>
        <source>Take the copies away</source>
        <translation>Enlever les copies</translation>
    </message>
    <message>
        <source>Take the filter away</source>
        <translation>Enlever le filtre</translation>
    </message>
    <message>
        <source>Take the good boxes</source>
        <translation>Prendre les bonnes boîtes</translation>
    </message>
    <message>
        <source>Take this key away</source>
        <translation>Enlever cette touche</translation>
    </message>
    <message>
        <source>Take weights for this network (train-cli weights), or none.</source>
        <translation>Prenez des poids pour ce réseau (train-cli weights) ou aucun.</translation>
    </message>
    <message>
        <source>Take weights from before that.</source>
        <translation>Prenez des poids d’avant cela.</translation>
    </message>
    <message>
        <source>Take {name}, which fits</source>
        <translation>Prendre {name}, qui convient</translation>
    </message>
    <message>
        <source>Takes about {time} {where}.</source>
        <translation>Dure environ {time} {where}.</translation>
    </message>
    <message>
        <source>Target</source>
        <translation>Cible</translation>
    </message>
    <message>
        <source>Test has been measured with {count} weights of this run. A number that weights are chosen by is no longer a test.</source>
        <translation>Le test a été mesuré avec {count} poids de cet entraînement. Un chiffre qui sert à choisir des poids n’est plus un test.</translation>
    </message>
    <message>
        <source>Test has no picture to measure: there is no number for pictures that nothing was chosen by.</source>
        <translation>Le test n’a aucune image à mesurer : il n’y a pas de chiffre pour des images qui n’ont servi à aucun choix.</translation>
    </message>
    <message>
        <source>Test was measured on {day} with {weights}: mAP@0.50 {value} %.

A number on test says how the network does on pictures that nothing was chosen by. Each further weights file that is measured there makes it say less. It will be written down.

Measure {chosen} on test, too?</source>
        <translation>Le test a été mesuré le {day} avec {weights} : mAP@0.50 {value} %.

Un chiffre sur le test dit ce que vaut le réseau sur des images qui n’ont servi à aucun choix. Chaque fichier de poids de plus qu’on y mesure lui enlève de sa valeur. Ce sera noté.

Mesurer aussi {chosen} sur le test ?</translation>
    </message>
    <message>
        <source>Test was measured on {day} with {weights}: that number stands. The chosen weights, {chosen}, were not measured on test.</source>
        <translation>Le test a été mesuré le {day} avec {weights} : ce chiffre reste. Les poids choisis, {chosen}, n’ont pas été mesurés sur le test.</translation>
    </message>
    <message>
        <source>Test was measured with these weights on {day}; that stands, it was not repeated.</source>
        <translation>Le test a été mesuré avec ces poids le {day} ; ce chiffre reste, la mesure n’a pas été refaite.</translation>
    </message>
    <message>
        <source>Test was measured with these weights on {day}; that stands, it was not repeated. TP, FP and FN are counted at confidence {threshold}.</source>
        <translation>Le test a été mesuré avec ces poids le {day} ; ce chiffre reste, la mesure n’a pas été refaite. TP, FP et FN sont comptés à la confiance {threshold}.</translation>
    </message>
    <message>
        <source>That was the first finding: on with the last.</source>
        <translation>C’était la première anomalie : on continue par la dernière.</translation>
    </message>
    <message>
        <source>That was the first mistake.</source>
        <translation>C’était la première erreur.</translation>
    </message>
    <message>
        <source>That was the last finding: on with the first.</source>
        <translation>C’était la dernière anomalie : on continue par la première.</translation>
    </message>
    <message>
        <source>That was the last mistake.</source>
        <translation>C’était la dernière erreur.</translation>
    </message>
    <message numerus="yes">
        <source>That was the last picture of the list; {n} of the set are not reviewed yet (PgDn).</source>
        <translation>
            <numerusform>C’était la dernière image de la liste; {n} du jeu n’est pas encore vérifiée (Page suiv).</numerusform>
            <numerusform>C’était la dernière image de la liste; {n} du jeu ne sont pas encore vérifiées (Page suiv).</numerusform>
        </translation>
    </message>
    <message>
        <source>That was the last picture; all are reviewed.</source>
        <translation>C’était la dernière image; toutes sont vérifiées.</translation>
    </message>
    <message>
        <source>That was the last prediction of this picture</source>
        <translation>C’était la dernière prédiction de cette image</translation>
    </message>
    <message>
        <source>The GPU itself failed ({error}): restart the machine and resume; if it comes again, look for Xid in the system's log (dmesg) and have the GPU checked.</source>
        <translation>La carte graphique elle-même a failli ({error}) : redémarrez la machine et reprenez ; si cela revient, cherchez Xid dans le journal du système (dmesg) et faites vérifier la carte.</translation>
    </message>
    <message>
        <source>The GPU reported an error: {error}.</source>
        <translation>La carte graphique a signalé une erreur : {error}.</translation>
    </message>
    <message>
        <source>The GPU stopped in the middle of its work ({error}): resume from the last weights. If it comes again: undo overclocking, let it cool, restart after a sleep, try another driver; and check the labels.</source>
        <translation>La carte graphique s’est arrêtée en plein travail ({error}) : reprenez depuis les derniers poids. Si cela revient : annulez le surcadençage, laissez-la refroidir, redémarrez après une mise en veille, essayez un autre pilote ; et vérifiez les étiquettes.</translation>
    </message>
    <message>
        <source>The GPU took too long for one step while it also draws the screen ({error}): take more subdivisions or a smaller network size, or train without a desktop on that GPU.</source>
        <translation>La carte graphique, qui affiche aussi l’écran, a mis trop longtemps pour une étape ({error}) : prenez plus de subdivisions ou une taille de réseau plus petite, ou entraînez sans bureau sur cette carte.</translation>
    </message>
    <message>
        <source>The GPU's driver is older than the CUDA that this Darknet is built with ({error}): install a newer driver, or build Darknet with an older CUDA.</source>
        <translation>Le pilote de la carte graphique est plus ancien que le CUDA avec lequel ce Darknet est compilé ({error}) : installez un pilote plus récent, ou compilez Darknet avec un CUDA plus ancien.</translation>
    </message>
    <message>
        <source>The GPU's memory is full even with one picture at a time: take a smaller network size, a tiny network, or random=0, and end what else runs on the GPU.</source>
        <translation>La mémoire de la carte graphique est pleine même avec une image à la fois : prenez une taille de réseau plus petite, un réseau « tiny » ou random=0, et terminez ce qui tourne encore sur la carte.</translation>
    </message>
    <message>
        <source>The GPU's memory is full: take more subdivisions (each is a smaller part of the batch), a smaller network size, or a tiny network.</source>
        <translation>La mémoire de la carte graphique est pleine : prenez plus de subdivisions (chacune est une plus petite partie du lot), une taille de réseau plus petite, ou un réseau « tiny ».</translation>
    </message>
    <message>
        <source>The address led to a page that asks for something: open it in a browser, and fetch the file there.</source>
        <translation>L’adresse menait à une page qui demande quelque chose : ouvrez-la dans un navigateur et téléchargez-y le fichier.</translation>
    </message>
    <message>
        <source>The best so far; these weights are kept</source>
        <translation>Les meilleurs jusqu’ici ; ces poids sont gardés</translation>
    </message>
    <message>
        <source>The boxes were drawn on a picture of the size in the file: scale them</source>
        <translation>Les boîtes ont été tracées sur une image de la taille du fichier : les mettre à l’échelle</translation>
    </message>
    <message>
        <source>The boxes were drawn on the picture as it is: correct the size in the file</source>
        <translation>Les boîtes ont été tracées sur l’image telle quelle : corriger la taille dans le fichier</translation>
    </message>
    <message>
        <source>The chart (*.png)</source>
        <translation>Le graphique (*.png)</translation>
    </message>
    <message>
        <source>The checkpoints that were measured (Page Up, Page Down)</source>
        <translation>Les poids enregistrés qui ont été mesurés (Page préc., Page suiv.)</translation>
    </message>
    <message>
        <source>The chosen run is done (raise Iterations to go on)</source>
        <translation>L’entraînement choisi est fini (augmentez Itérations pour continuer)</translation>
    </message>
    <message>
        <source>The class whose boxes are shown</source>
        <translation>La classe dont les boîtes sont affichées</translation>
    </message>
    <message>
        <source>The class {name} needs a name for training.</source>
        <translation>La classe {name} a besoin d’un nom pour l’entraînement.</translation>
    </message>
    <message>
        <source>The class “{name}” exists already. Merge the two classes instead.</source>
        <translation>La classe « {name} » existe déjà. Fusionnez plutôt les deux classes.</translation>
    </message>
    <message>
        <source>The diagnostics are in {path}.</source>
        <translation>Le diagnostic est dans {path}.</translation>
    </message>
    <message>
        <source>The file itself was not fetched: run git lfs pull.</source>
        <translation>Le fichier lui-même n’a pas été téléchargé : lancez git lfs pull.</translation>
    </message>
    <message>
        <source>The file's encoding ({name}) has no {text}.</source>
        <translation>L’encodage du fichier ({name}) n’a pas {text}.</translation>
    </message>
    <message>
        <source>The files as they were are kept in .annotator/originals.</source>
        <translation>Les fichiers d’origine sont gardés dans .annotator/originals.</translation>
    </message>
    <message>
        <source>The first class of the weights is taken for the first of this set, and so on</source>
        <translation>La première classe des poids est prise pour la première de ce jeu, et ainsi de suite</translation>
    </message>
    <message>
        <source>The format never keeps: {what}.</source>
        <translation>Le format ne garde jamais : {what}.</translation>
    </message>
    <message>
        <source>The highest of this column</source>
        <translation>Le plus haut de cette colonne</translation>
    </message>
    <message>
        <source>The iteration that the weights are from</source>
        <translation>L’itération dont viennent les poids</translation>
    </message>
    <message>
        <source>The label files of {name} hold class ids, and no file says what they mean.</source>
        <translation>Les fichiers d’étiquettes de {name} contiennent des numéros de classe, et aucun fichier ne dit ce qu’ils signifient.</translation>
    </message>
    <message numerus="yes">
        <source>The labels of {n} pictures were changed since this run began.</source>
        <translation>
            <numerusform>Les étiquettes de {n} image ont changé depuis le début de cet entraînement.</numerusform>
            <numerusform>Les étiquettes de {n} images ont changé depuis le début de cet entraînement.</numerusform>
        </translation>
    </message>
    <message>
        <source>The language changes with the next start of the window.</source>
        <translation>La langue change au prochain démarrage de la fenêtre.</translation>
    </message>
    <message>
        <source>The list of names of {name} is another one than when the set was last open: its ids would mean something else.</source>
        <translation>La liste de noms de {name} n’est plus celle d’avant : ses numéros signifieraient autre chose.</translation>
    </message>
    <message>
        <source>The list shows no picture without labels.</source>
        <translation>La liste ne montre aucune image sans étiquettes.</translation>
    </message>
    <message>
        <source>The loss is no number (nan) from iteration {at} on: what was saved since is of no use. Train anew with a lower learning rate, {rate}. A darknet for the processor that was built with -Ofast does this at any rate: then build it with -O3.</source>
        <translation>La perte n’est plus un nombre (nan) à partir de l’itération {at} : ce qui a été enregistré depuis ne sert à rien. Entraînez à nouveau avec un taux d’apprentissage plus bas, {rate}. Un darknet pour le processeur compilé avec -Ofast le fait à tout taux : compilez-le alors avec -O3.</translation>
    </message>
    <message>
        <source>The loss still fell when the training ended, and the last weights are the best so far</source>
        <translation>La perte baissait encore à la fin de l’entraînement, et les derniers poids sont les meilleurs jusqu’ici</translation>
    </message>
    <message>
        <source>The loss still fell when the training ended, and the network finds next to nothing yet</source>
        <translation>La perte baissait encore à la fin de l’entraînement, et le réseau ne trouve encore presque rien</translation>
    </message>
    <message>
        <source>The mean over the classes, a box counts as found from IoU 0.50</source>
        <translation>La moyenne des classes ; une boîte compte comme trouvée à partir d’un IoU de 0.50</translation>
    </message>
    <message>
        <source>The mean over the classes, a box counts as found from IoU 0.75</source>
        <translation>La moyenne des classes ; une boîte compte comme trouvée à partir d’un IoU de 0.75</translation>
    </message>
    <message>
        <source>The message at the bottom says why. Stay to save them again.</source>
        <translation>Le message du bas dit pourquoi. Restez pour les enregistrer encore.</translation>
    </message>
    <message>
        <source>The network finds next to nothing yet, but {count} iterations are few</source>
        <translation>Le réseau ne trouve encore presque rien, mais {count} itérations sont peu</translation>
    </message>
    <message>
        <source>The network finds next to nothing, and the loss does not fall any more: more iterations alone will not help. Start from weights that were trained on other pictures, and look at the boxes of some training pictures.</source>
        <translation>Le réseau ne trouve presque rien, et la perte ne baisse plus : davantage d’itérations n’y suffira pas. Partez de poids entraînés sur d’autres images, et regardez les boîtes de quelques images d’entraînement.</translation>
    </message>
    <message numerus="yes">
        <source>The network finds nothing from {percent} % on in {n} pictures without labels.</source>
        <translation>
            <numerusform>Dès {percent} %, le réseau ne trouve rien sur {n} image sans étiquettes.</numerusform>
            <numerusform>Dès {percent} %, le réseau ne trouve rien sur {n} images sans étiquettes.</numerusform>
        </translation>
    </message>
    <message>
        <source>The network hardly sees it: train at a larger size, or delete it.</source>
        <translation>Le réseau la voit à peine : entraînez à une plus grande taille, ou supprimez-la.</translation>
    </message>
    <message>
        <source>The network has looked at all pictures of the list</source>
        <translation>Le réseau a regardé toutes les images de la liste</translation>
    </message>
    <message>
        <source>The network has not looked at its training pictures yet. It knows them: what it still gets wrong with confidence is often a wrong label. Copies are left out.</source>
        <translation>Le réseau n’a pas encore regardé ses images d’entraînement. Il les connaît : ce qu’il y prend encore avec assurance pour autre chose est souvent une étiquette fausse. Les copies sont laissées de côté.</translation>
    </message>
    <message>
        <source>The network is asked to be a little less sure than the labels</source>
        <translation>On demande au réseau d’être un peu moins sûr que les étiquettes</translation>
    </message>
    <message>
        <source>The network is right</source>
        <translation>Le réseau a raison</translation>
    </message>
    <message>
        <source>The network is sure of something else than the labels {count} time (confidence from {low} %, where it is right in {right} %): are these labels wrong? Training pictures have such labels too: choose training in the list.</source>
        <translation>Le réseau est sûr d’autre chose que les étiquettes {count} fois (confiance à partir de {low} %, où il a raison dans {right} % des cas) : cette étiquette est-elle fausse ? Les images d’entraînement en ont aussi : choisissez l’entraînement dans la liste.</translation>
    </message>
    <message>
        <source>The network is sure of something else than the labels {count} times (confidence from {low} %, where it is right in {right} %): are these labels wrong? Training pictures have such labels too: choose training in the list.</source>
        <translation>Le réseau est sûr d’autre chose que les étiquettes {count} fois (confiance à partir de {low} %, où il a raison dans {right} % des cas) : ces étiquettes sont-elles fausses ? Les images d’entraînement en ont aussi : choisissez l’entraînement dans la liste.</translation>
    </message>
    <message numerus="yes">
        <source>The network looks at {n} pictures without labels first</source>
        <translation>
            <numerusform>Le réseau regarde d’abord {n} image sans étiquettes</numerusform>
            <numerusform>Le réseau regarde d’abord {n} images sans étiquettes</numerusform>
        </translation>
    </message>
    <message>
        <source>The network {name} was trained with other classes than this set has. Say which class each of them is here; what is left out is not shown.</source>
        <translation>Le réseau {name} a été entraîné avec d’autres classes que celles de ce jeu. Dites ce qu’est ici chacune d’elles; ce qui est laissé de côté n’est pas affiché.</translation>
    </message>
    <message>
        <source>The numbers (*.csv)</source>
        <translation>Les nombres (*.csv)</translation>
    </message>
    <message>
        <source>The open set is a Darknet data set already; its split stands in split.csv.</source>
        <translation>Le jeu ouvert est déjà un jeu de données Darknet; sa répartition est dans split.csv.</translation>
    </message>
    <message>
        <source>The original is kept, and the set is read again.</source>
        <translation>L’original est gardé, et le jeu est relu.</translation>
    </message>
    <message>
        <source>The originals are in {folder}. Edit › Bring back the label files mended last undoes it.</source>
        <translation>Les originaux sont dans {folder}. Édition › Restaurer les derniers fichiers corrigés les ramène.</translation>
    </message>
    <message>
        <source>The picture after this one (Right)</source>
        <translation>L’image après celle-ci (Droite)</translation>
    </message>
    <message>
        <source>The picture before this one (Left)</source>
        <translation>L’image avant celle-ci (Gauche)</translation>
    </message>
    <message>
        <source>The picture from the clipboard was added as {name}.</source>
        <translation>L’image du presse-papiers a été ajoutée sous le nom {name}.</translation>
    </message>
    <message>
        <source>The picture in the clipboard cannot be written.</source>
        <translation>L’image du presse-papiers ne peut être écrite.</translation>
    </message>
    <message>
        <source>The pictures drawn anew 400 times; too narrow where a class has few boxes</source>
        <translation>Les images tirées de nouveau 400 fois ; trop étroit quand une classe a peu de boîtes</translation>
    </message>
    <message>
        <source>The pictures have not been compared with each other.</source>
        <translation>Les images n’ont pas été comparées entre elles.</translation>
    </message>
    <message>
        <source>The pictures on which one makes fewer mistakes, with what each of the two found</source>
        <translation>Les images sur lesquelles l’un fait moins d’erreurs, avec ce que chacun des deux a trouvé</translation>
    </message>
    <message>
        <source>The plan lies in {path}; augment-cli {folder} --plan carries it out.</source>
        <translation>Le plan est dans {path}; augment-cli {folder} --plan l’exécute.</translation>
    </message>
    <message>
        <source>The previous picture has no box that is not here</source>
        <translation>L’image précédente n’a aucune boîte qui ne soit pas ici</translation>
    </message>
    <message>
        <source>The report as one HTML file, every table as CSV, every chart as PNG and SVG, in a new folder</source>
        <translation>Le rapport en un seul fichier HTML, chaque tableau en CSV, chaque diagramme en PNG et SVG, dans un nouveau dossier</translation>
    </message>
    <message>
        <source>The report was saved: {path}</source>
        <translation>Le rapport est enregistré : {path}</translation>
    </message>
    <message>
        <source>The run folder was moved or renamed: it is {folder} now.</source>
        <translation>Le dossier de l’entraînement a été déplacé ou renommé : c’est maintenant {folder}.</translation>
    </message>
    <message>
        <source>The run that the chosen one is compared with</source>
        <translation>L’entraînement auquel celui qui est choisi est comparé</translation>
    </message>
    <message>
        <source>The same as one HTML file, to keep or to send</source>
        <translation>La même chose en un fichier HTML, à garder ou à envoyer</translation>
    </message>
    <message>
        <source>The same in a terminal, for the record</source>
        <translation>La même chose dans un terminal, pour mémoire</translation>
    </message>
    <message>
        <source>The same picture twice</source>
        <translation>La même image deux fois</translation>
    </message>
    <message>
        <source>The search ended after {seconds} s with the best plan so far; another machine may find another one.</source>
        <translation>La recherche a pris fin après {seconds} s avec le meilleur plan jusque-là; une autre machine peut en trouver un autre.</translation>
    </message>
    <message>
        <source>The set is divided into train, val and test, each class with its share in each, and written as a Darknet data set beside it. Pictures that show nearly the same stay together. Your set itself is not changed.</source>
        <translation>Le jeu est divisé en train, val et test, chaque classe avec sa part dans chacun, et écrit à côté comme jeu de données Darknet. Les images qui montrent presque la même chose restent ensemble. Votre jeu lui-même n’est pas modifié.</translation>
    </message>
    <message>
        <source>The set is not split yet: the Split page divides it into train, val and test.</source>
        <translation>Le jeu n’est pas encore réparti : la page Répartition le divise en train, val et test.</translation>
    </message>
    <message>
        <source>The set is still being read ({done} of {total}); boxes can be edited once it is there.</source>
        <translation>Le jeu est encore en lecture ({done} sur {total}); on pourra modifier les boîtes ensuite.</translation>
    </message>
    <message>
        <source>The split adds up to {total} %, not to 100 %.</source>
        <translation>La répartition totalise {total} %, et non 100 %.</translation>
    </message>
    <message>
        <source>The split leaves nothing to train on.</source>
        <translation>La répartition ne laisse rien pour l’entraînement.</translation>
    </message>
    <message>
        <source>The study's</source>
        <translation>Celui de l’étude</translation>
    </message>
    <message>
        <source>The system killed it because the machine's memory was full: its counter of such kills has risen. More subdivisions, a smaller network size or fewer other programs leave more; a container may have a limit of its own.</source>
        <translation>Le système l’a tué parce que la mémoire de la machine était pleine : son compteur de tels arrêts a augmenté. Plus de subdivisions, une taille de réseau plus petite ou moins d’autres programmes en laissent davantage ; un conteneur peut avoir sa propre limite.</translation>
    </message>
    <message>
        <source>The system knows no program that opens {name}.</source>
        <translation>Le système ne connaît aucun programme qui ouvre {name}.</translation>
    </message>
    <message>
        <source>The target cannot be reached: no copy brings the training boxes nearer to it.</source>
        <translation>La cible ne peut être atteinte : aucune copie n’en rapproche les boîtes d’entraînement.</translation>
    </message>
    <message>
        <source>The target cannot be reached; nearest to it with {copies}.</source>
        <translation>La cible ne peut être atteinte; au plus près avec {copies}.</translation>
    </message>
    <message>
        <source>The target is reached with {copies}.</source>
        <translation>La cible est atteinte avec {copies}.</translation>
    </message>
    <message>
        <source>The training is finished. Its predictions are on the next page.</source>
        <translation>L’entraînement est terminé. Ses prédictions sont à la page suivante.</translation>
    </message>
    <message>
        <source>The training is still running: later weights are not in this table.</source>
        <translation>L’entraînement est encore en cours : les poids suivants ne sont pas dans ce tableau.</translation>
    </message>
    <message>
        <source>The training set lies in {folder}.</source>
        <translation>Le jeu d’entraînement est dans {folder}.</translation>
    </message>
    <message>
        <source>The training set lies in {folder}. Labels were saved since it was made: if boxes changed, make it again.</source>
        <translation>Le jeu d’entraînement est dans {folder}. Des étiquettes ont été enregistrées depuis : si des boîtes ont changé, refaites-le.</translation>
    </message>
    <message>
        <source>The training set, with its copies</source>
        <translation>Le jeu d’entraînement, avec ses copies</translation>
    </message>
    <message>
        <source>The training waits in the queue; it starts when those before it have ended.</source>
        <translation>L’entraînement attend dans la file; il commence quand ceux d’avant sont terminés.</translation>
    </message>
    <message>
        <source>The training whose network looks at the pictures</source>
        <translation>L’entraînement dont le réseau regarde les images</translation>
    </message>
    <message>
        <source>The trash is empty. Ctrl+Shift+Del on the labelling page moves a picture here.</source>
        <translation>La corbeille est vide. Ctrl+Maj+Suppr à la page Étiquetage y met une image.</translation>
    </message>
    <message>
        <source>The video that is watched cannot be written over: choose another name.</source>
        <translation>On ne peut écraser la vidéo qu’on regarde : choisissez un autre nom.</translation>
    </message>
    <message>
        <source>The weights of iteration {iteration} are being measured…</source>
        <translation>Les poids de l’itération {iteration} sont en cours de mesure…</translation>
    </message>
    <message>
        <source>The weights of iteration {iteration} are kept, and it can be resumed from there.</source>
        <translation>Les poids de l’itération {iteration} sont gardés, et on peut reprendre de là.</translation>
    </message>
    <message>
        <source>The weights of iteration {iteration} are there no more.</source>
        <translation>Les poids de l’itération {iteration} n’existent plus.</translation>
    </message>
    <message>
        <source>The weights that are measured on test</source>
        <translation>Les poids mesurés sur test</translation>
    </message>
    <message>
        <source>The wheel zooms (over an axis: that axis), a drag moves; this or a double click goes back</source>
        <translation>La molette agrandit (sur un axe : cet axe), un glissement déplace ; ce bouton ou un double clic revient à tout</translation>
    </message>
    <message>
        <source>The whole video with what is shown drawn; one that is cancelled is kept up to there</source>
        <translation>La vidéo entière avec ce qui est montré dessiné ; annulée, elle est gardée jusque-là</translation>
    </message>
    <message>
        <source>The wider, at each end, of the bootstrap and Wilson's interval for so many boxes</source>
        <translation>Le plus large, à chaque bout, du bootstrap et de l’intervalle de Wilson pour autant de boîtes</translation>
    </message>
    <message>
        <source>The {shown} largest of {classes} classes; the others have {number} together and stand in the table.</source>
        <translation>Les {shown} plus grandes de {classes} classes; les autres en ont {number} ensemble et sont dans le tableau.</translation>
    </message>
    <message>
        <source>There are no boxes yet: press W on the Label page and draw the first one.</source>
        <translation>Il n’y a pas encore de boîtes : appuyez sur W à la page Étiquetage et tracez la première.</translation>
    </message>
    <message>
        <source>There are no findings about pictures.</source>
        <translation>Il n’y a pas d’anomalies d’images.</translation>
    </message>
    <message>
        <source>There are no mistakes to go to: see Mistakes on the Predictions page first.</source>
        <translation>Il n’y a pas d’erreur où aller : voyez d’abord Erreurs sur la page Prédictions.</translation>
    </message>
    <message>
        <source>There are no pictures in {folder} yet: drop some on the window (pictures, a folder, or a zip). They are copied there, and the set opens.</source>
        <translation>Il n’y a pas encore d’images dans {folder} : déposez-en sur la fenêtre (images, dossier ou zip). Elles y sont copiées, et le jeu s’ouvre.</translation>
    </message>
    <message>
        <source>There are no predictions yet: train and evaluate a network</source>
        <translation>Il n’y a pas encore de prédictions : entraînez et évaluez un réseau</translation>
    </message>
    <message>
        <source>There are no {pictures}.</source>
        <translation>Il n’y a pas d’{pictures}.</translation>
    </message>
    <message>
        <source>There are {copies} copies already: label more pictures, of other kinds.</source>
        <translation>Il y a déjà {copies} copies : étiquetez plus d’images, d’autres sortes.</translation>
    </message>
    <message>
        <source>There is no box in the set.</source>
        <translation>Il n’y a aucune boîte dans le jeu.</translation>
    </message>
    <message>
        <source>There is no class yet: type the name of the first below.</source>
        <translation>Il n’y a pas encore de classe : écrivez ci-dessous le nom de la première.</translation>
    </message>
    <message>
        <source>There is no class {number}; the set has {count}.</source>
        <translation>Il n’y a pas de classe {number}; le jeu en a {count}.</translation>
    </message>
    <message numerus="yes">
        <source>There is no class {number}; the set has {n} classes.</source>
        <translation>
            <numerusform>Il n’y a pas de classe {number}; le jeu a {n} classe.</numerusform>
            <numerusform>Il n’y a pas de classe {number}; le jeu a {n} classes.</numerusform>
        </translation>
    </message>
    <message>
        <source>There is no mistake of this kind.</source>
        <translation>Il n’y a pas d’erreur de ce genre.</translation>
    </message>
    <message>
        <source>There is no picture in the clipboard.</source>
        <translation>Il n’y a pas d’image dans le presse-papiers.</translation>
    </message>
    <message>
        <source>There is no prediction above a confidence of {threshold}.</source>
        <translation>Il n’y a aucune prédiction au-dessus d’une confiance de {threshold}.</translation>
    </message>
    <message>
        <source>There is no trained network of this set yet, so nothing is predicted. Train one on the Train page ({key}), or choose one from elsewhere: View › Choose the network of the predictions.</source>
        <translation>Il n’y a pas encore de réseau entraîné pour ce jeu, donc rien n’est prédit. Entraînez-en un à la page Entraînement ({key}), ou choisissez-en un d’ailleurs : Affichage › Choisir le réseau des prédictions.</translation>
    </message>
    <message>
        <source>There is no training set yet, and so no run: make it on the Split page first.</source>
        <translation>Il n’y a pas encore de jeu d’entraînement, donc aucun entraînement : faites-le d’abord à la page Répartition.</translation>
    </message>
    <message>
        <source>There is no training set yet.</source>
        <translation>Il n’y a pas encore de jeu d’entraînement.</translation>
    </message>
    <message>
        <source>There is no training set yet: make it on the Split page first.</source>
        <translation>Il n’y a pas encore de jeu d’entraînement : faites-le d’abord à la page Répartition.</translation>
    </message>
    <message>
        <source>There is no training set yet: the Split page divides the pictures into train, val and test, and only those of train are ever copied.</source>
        <translation>Il n’y a pas encore de jeu d’entraînement : la page Répartition divise les images en train, val et test, et seules celles de train sont copiées.</translation>
    </message>
    <message>
        <source>There is no training yet.</source>
        <translation>Il n’y a pas encore d’entraînement.</translation>
    </message>
    <message>
        <source>There is nothing in it</source>
        <translation>Il n’y a rien dessus</translation>
    </message>
    <message>
        <source>There is nothing in this picture that has one right answer.</source>
        <translation>Rien sur cette image ne se corrige d’une seule bonne façon.</translation>
    </message>
    <message>
        <source>There is nothing to change: the label is not there any more, or was changed.</source>
        <translation>Il n’y a rien à changer : l’étiquette n’est plus là, ou a été modifiée.</translation>
    </message>
    <message>
        <source>There is nothing to check yet: it needs a training set and a Darknet.</source>
        <translation>Il n’y a encore rien à vérifier : il faut un jeu d’entraînement et un Darknet.</translation>
    </message>
    <message>
        <source>There is room on the disk again: the training goes on.</source>
        <translation>Il y a de nouveau de la place sur le disque : l’entraînement continue.</translation>
    </message>
    <message>
        <source>There is this class already: it is chosen.</source>
        <translation>Cette classe existe déjà : elle est choisie.</translation>
    </message>
    <message>
        <source>These are validation pictures, by which the weights of both were chosen: both look a little too good.</source>
        <translation>Ce sont des images de validation, d’après lesquelles les poids des deux ont été choisis : tous deux paraissent un peu trop bons.</translation>
    </message>
    <message>
        <source>These findings cannot be mended together in one way: choose one kind.</source>
        <translation>Ces anomalies ne se corrigent pas ensemble d’une même façon : choisissez un genre.</translation>
    </message>
    <message>
        <source>They are the same classes under other names</source>
        <translation>Ce sont les mêmes classes sous d’autres noms</translation>
    </message>
    <message>
        <source>They are what the network finds with a confidence from {percent} % on. One undo takes all of them back. The pictures stay “not reviewed”: look at each of them.</source>
        <translation>C’est ce que le réseau trouve avec une confiance d’au moins {percent} %. Une seule annulation les retire toutes. Les images restent « non vérifiées » : regardez chacune d’elles.</translation>
    </message>
    <message>
        <source>They fit no better: the network's own stay.</source>
        <translation>Elles ne conviennent pas mieux : celles du réseau restent.</translation>
    </message>
    <message>
        <source>They have no labels yet.</source>
        <translation>Elles n’ont pas encore d’étiquettes.</translation>
    </message>
    <message>
        <source>This Darknet is not built for this GPU ({error}): build it anew on this machine, with the GPU's compute capability in ARCH of its Makefile (or CMAKE_CUDA_ARCHITECTURES).</source>
        <translation>Ce Darknet n’est pas compilé pour cette carte graphique ({error}) : recompilez-le sur cette machine, avec la capacité de calcul de la carte dans ARCH de son Makefile (ou CMAKE_CUDA_ARCHITECTURES).</translation>
    </message>
    <message>
        <source>This box was deleted. Ctrl+Z brings it back.</source>
        <translation>Cette boîte a été supprimée. Ctrl+Z la ramène.</translation>
    </message>
    <message>
        <source>This computer, OpenCV</source>
        <translation>Cet ordinateur, OpenCV</translation>
    </message>
    <message>
        <source>This finding is right as it is</source>
        <translation>Cette anomalie n’en est pas une</translation>
    </message>
    <message>
        <source>This is a network that classifies whole pictures, no detector.</source>
        <translation>C’est un réseau qui classe des images entières, pas un détecteur.</translation>
    </message>
    <message>
        <source>This is all that the file will hold. No picture is in it. Nothing is sent anywhere: you save a zip file, and send it if you want to.</source>
        <translation>C’est tout ce que le fichier contiendra. Aucune image n’y est. Rien n’est envoyé : vous enregistrez un fichier zip, et l’envoyez si vous le voulez.</translation>
    </message>
    <message>
        <source>This is right</source>
        <translation>C’est correct</translation>
    </message>
    <message>
        <source>This is the only picture in the list that is not reviewed.</source>
        <translation>C’est la seule image de la liste qui n’est pas vérifiée.</translation>
    </message>
    <message>
        <source>This picture is not in the open set.</source>
        <translation>Cette image n’est pas dans le jeu ouvert.</translation>
    </message>
    <message>
        <source>This set is open in another window (process {number}): edit it in one of them only. Neither overwrites what the other changed, or shows it before F5.</source>
        <translation>Ce jeu est ouvert dans une autre fenêtre (processus {number}) : modifiez-le dans une seule. Aucune n’écrase ce que l’autre a changé, ni ne le montre avant F5.</translation>
    </message>
    <message>
        <source>Thumbnails in the list</source>
        <translation>Miniatures dans la liste</translation>
    </message>
    <message>
        <source>Time this network on 100 pictures, one at a time, in OpenCV and in Darknet</source>
        <translation>Chronométrer ce réseau sur 100 images, une à la fois, dans OpenCV et dans Darknet</translation>
    </message>
    <message>
        <source>Tiny box</source>
        <translation>Boîte minuscule</translation>
    </message>
    <message>
        <source>Tiny for the network</source>
        <translation>Minuscule pour le réseau</translation>
    </message>
    <message>
        <source>To the Balance page</source>
        <translation>Vers la page Équilibre</translation>
    </message>
    <message>
        <source>To the Split page</source>
        <translation>Vers la page Répartition</translation>
    </message>
    <message>
        <source>To the Train page: the next run learns from the labels of now</source>
        <translation>À la page Entraîner : le prochain entraînement apprend des étiquettes actuelles</translation>
    </message>
    <message>
        <source>Top edge in pixels; the box moves</source>
        <translation>Bord supérieur en pixels; la boîte bouge</translation>
    </message>
    <message>
        <source>Train</source>
        <translation>Entraînement</translation>
    </message>
    <message>
        <source>Train a network on the Train page first, or choose one from elsewhere (Network…).</source>
        <translation>Entraînez d’abord un réseau sur la page Entraîner, ou choisissez-en un d’ailleurs (Réseau…).</translation>
    </message>
    <message>
        <source>Train a network on the Train page first.</source>
        <translation>Entraînez d’abord un réseau à la page Entraînement.</translation>
    </message>
    <message>
        <source>Train a network on the Train page first: its predictions are shown here beside the ground truth.</source>
        <translation>Entraînez d’abord un réseau à la page Entraînement : ses prédictions sont montrées ici à côté de la vérité terrain.</translation>
    </message>
    <message>
        <source>Train again…</source>
        <translation>Entraîner à nouveau…</translation>
    </message>
    <message>
        <source>Train on</source>
        <translation>Entraîner sur</translation>
    </message>
    <message>
        <source>Train on to {count} iterations</source>
        <translation>Entraîner jusqu’à {count} itérations</translation>
    </message>
    <message>
        <source>Train the chosen run on to {count} iterations</source>
        <translation>Poursuivre l’entraînement choisi jusqu’à {count} itérations</translation>
    </message>
    <message>
        <source>Train the chosen run that waits after the next one</source>
        <translation>Faire l’entraînement choisi après le suivant de la file</translation>
    </message>
    <message>
        <source>Train the chosen run that waits before the one in front of it</source>
        <translation>Faire l’entraînement choisi avant celui qui le précède dans la file</translation>
    </message>
    <message>
        <source>Trained with pjreddie's Darknet</source>
        <translation>Entraîné avec le Darknet de pjreddie</translation>
    </message>
    <message>
        <source>Training</source>
        <translation>Entraînement</translation>
    </message>
    <message>
        <source>Training boxes now</source>
        <translation>Boîtes d’entraînement actuelles</translation>
    </message>
    <message>
        <source>Training boxes with the plan</source>
        <translation>Boîtes d’entraînement avec le plan</translation>
    </message>
    <message>
        <source>Training set: {folder}.</source>
        <translation>Jeu d’entraînement : {folder}.</translation>
    </message>
    <message>
        <source>Training takes {least:.1f} to {most:.1f} GB of a GPU's memory with {pictures} at once.</source>
        <translation>L’entraînement prend de {least:.1f} à {most:.1f} Go de la mémoire d’un GPU avec {pictures} à la fois.</translation>
    </message>
    <message>
        <source>Training: {run}</source>
        <translation>Entraînement : {run}</translation>
    </message>
    <message>
        <source>Trainings wait and nobody works through them, as after a restart: train them one by one</source>
        <translation>Des entraînements attendent et rien ne les lance, comme après un redémarrage : les faire l’un après l’autre</translation>
    </message>
    <message>
        <source>Trainings wait, and nobody works through them: start the queue on the Train page.</source>
        <translation>Des entraînements attendent et rien ne les lance : démarrez la file d’attente sur la page Entraînement.</translation>
    </message>
    <message>
        <source>Trash of {set}</source>
        <translation>Corbeille de {set}</translation>
    </message>
    <message>
        <source>Trash…</source>
        <translation>Corbeille…</translation>
    </message>
    <message>
        <source>Turn mosaic off</source>
        <translation>Désactiver la mosaïque</translation>
    </message>
    <message>
        <source>Two boxes on one spot</source>
        <translation>Deux boîtes au même endroit</translation>
    </message>
    <message>
        <source>Two pictures lie over one another</source>
        <translation>Deux images se superposent</translation>
    </message>
    <message>
        <source>Two pictures of one name</source>
        <translation>Deux images du même nom</translation>
    </message>
    <message>
        <source>Two runs</source>
        <translation>Comparer</translation>
    </message>
    <message>
        <source>U&amp;ndo</source>
        <translation>A&amp;nnuler</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Annuler</translation>
    </message>
    <message>
        <source>Undo: {what}</source>
        <translation>Annuler : {what}</translation>
    </message>
    <message>
        <source>Undo: {what} (Ctrl+Z)</source>
        <translation>Annuler : {what} (Ctrl+Z)</translation>
    </message>
    <message>
        <source>Undoable (Ctrl+Enter)</source>
        <translation>Peut être annulé (Ctrl+Entrée)</translation>
    </message>
    <message>
        <source>Unknown class</source>
        <translation>Classe inconnue</translation>
    </message>
    <message>
        <source>Unpack it, or take weights that a Darknet has saved.</source>
        <translation>Décompressez-la, ou prenez des poids enregistrés par un Darknet.</translation>
    </message>
    <message>
        <source>Unreadable picture</source>
        <translation>Image illisible</translation>
    </message>
    <message>
        <source>Update</source>
        <translation>Actualiser</translation>
    </message>
    <message>
        <source>Use another darknet program</source>
        <translation>Utiliser un autre programme darknet</translation>
    </message>
    <message>
        <source>Use these meanings</source>
        <translation>Utiliser ces sens</translation>
    </message>
    <message>
        <source>VOC edges</source>
        <translation>Bords VOC</translation>
    </message>
    <message>
        <source>Validation has no picture to measure, so nothing could be compared: the {kind} weights were taken.</source>
        <translation>La validation n’a aucune image à mesurer, rien n’a donc pu être comparé : les poids {kind} ont été pris.</translation>
    </message>
    <message>
        <source>Validation has no picture: nobody can say how good the network is. Split the set anew.</source>
        <translation>La validation n’a aucune image : personne ne peut dire ce que vaut le réseau. Répartissez l’ensemble à nouveau.</translation>
    </message>
    <message>
        <source>Validation has {what} of {name}: too few to say how well it is found. Label more of them, or give validation a larger part.</source>
        <translation>La validation a {what} de {name} : trop peu pour dire si cette classe est bien trouvée. Étiquetez-en plus, ou donnez à la validation une plus grande part.</translation>
    </message>
    <message>
        <source>Validation has {what}: too few to say how good the network is, or whether a change made it better. Label more pictures, or give validation a larger part.</source>
        <translation>La validation a {what} : trop peu pour dire ce que vaut le réseau, ou si un changement l’a amélioré. Étiquetez plus d’images, ou donnez à la validation une plus grande part.</translation>
    </message>
    <message>
        <source>Version</source>
        <translation>Version</translation>
    </message>
    <message>
        <source>Very long or flat box</source>
        <translation>Boîte très longue ou plate</translation>
    </message>
    <message>
        <source>Video</source>
        <translation>Vidéo</translation>
    </message>
    <message>
        <source>Videos</source>
        <translation>Vidéos</translation>
    </message>
    <message>
        <source>Wanted (empty: any)</source>
        <translation>Voulu (vide : au choix)</translation>
    </message>
    <message>
        <source>Was</source>
        <translation>Était</translation>
    </message>
    <message>
        <source>Web page</source>
        <translation>Page web</translation>
    </message>
    <message>
        <source>Weight of the boxes' fit in the loss</source>
        <translation>Poids de l’ajustement des boîtes dans la perte</translation>
    </message>
    <message>
        <source>Weight of the class in the loss</source>
        <translation>Poids de la classe dans la perte</translation>
    </message>
    <message>
        <source>Weight of whether there is something in the loss</source>
        <translation>Poids de la présence d’un objet dans la perte</translation>
    </message>
    <message>
        <source>Weights</source>
        <translation>Poids</translation>
    </message>
    <message>
        <source>Weights (*.weights *.backup *.conv.*);;All (*)</source>
        <translation>Poids (*.weights *.backup *.conv.*);;Tous (*)</translation>
    </message>
    <message>
        <source>Weights (*.weights *.backup);;All files (*)</source>
        <translation>Poids (*.weights *.backup);;Tous les fichiers (*)</translation>
    </message>
    <message>
        <source>Weights of this run that are neither the best nor the newest</source>
        <translation>Poids de cet entraînement qui ne sont ni les meilleurs ni les plus récents</translation>
    </message>
    <message>
        <source>Weights to start from</source>
        <translation>Poids de départ</translation>
    </message>
    <message>
        <source>Weights were saved at iteration {iteration}.</source>
        <translation>Des poids ont été enregistrés à l’itération {iteration}.</translation>
    </message>
    <message>
        <source>Weights: at random</source>
        <translation>Poids : au hasard</translation>
    </message>
    <message>
        <source>Weights: {name}</source>
        <translation>Poids : {name}</translation>
    </message>
    <message>
        <source>What</source>
        <translation>Quoi</translation>
    </message>
    <message>
        <source>What can be done here</source>
        <translation>Ce qu’on peut faire ici</translation>
    </message>
    <message>
        <source>What do the class ids mean?</source>
        <translation>Que signifient les numéros de classe?</translation>
    </message>
    <message>
        <source>What each of the saved weights sees on a few validation pictures</source>
        <translation>Ce que chacun des poids enregistrés voit sur quelques images de validation</translation>
    </message>
    <message>
        <source>What is taken for what, at confidence {threshold} and IoU 0.50: click a number to see its pictures</source>
        <translation>Ce qui est pris pour quoi, à la confiance {threshold} et à IoU 0.50 : cliquez sur un nombre pour voir ses images</translation>
    </message>
    <message>
        <source>What it is, is looked at when it is here.</source>
        <translation>Ce qu’il contient sera vérifié quand il sera là.</translation>
    </message>
    <message>
        <source>What stands for the class in files that hold numbers; pinned</source>
        <translation>Ce qui désigne la classe dans les fichiers à numéros; fixe</translation>
    </message>
    <message>
        <source>What the network is made of, how much memory it needs and how fast it will be</source>
        <translation>De quoi le réseau est fait, la mémoire qu’il demande et sa vitesse</translation>
    </message>
    <message>
        <source>What the network sees is shown here when saved weights were measured.</source>
        <translation>Ce que le réseau voit apparaît ici dès que des poids enregistrés ont été mesurés.</translation>
    </message>
    <message>
        <source>What the network sees on validation pictures</source>
        <translation>Ce que le réseau voit sur des images de validation</translation>
    </message>
    <message>
        <source>What the network sees: {name}</source>
        <translation>Ce que le réseau voit : {name}</translation>
    </message>
    <message>
        <source>What the training says appears here.</source>
        <translation>Ce que dit l’entraînement apparaît ici.</translation>
    </message>
    <message>
        <source>What the training set shall be like</source>
        <translation>Ce que doit devenir le jeu d’entraînement</translation>
    </message>
    <message>
        <source>What the weights saved after these saw (Page Down)</source>
        <translation>Ce que voyaient les poids enregistrés après ceux-ci (Page suiv.)</translation>
    </message>
    <message>
        <source>What the weights saved before these saw (Page Up)</source>
        <translation>Ce que voyaient les poids enregistrés avant ceux-ci (Page préc.)</translation>
    </message>
    <message>
        <source>What was changed from the one to the other</source>
        <translation>Ce qui a changé de l’un à l’autre</translation>
    </message>
    <message>
        <source>What would you like to do?</source>
        <translation>Que voulez-vous faire?</translation>
    </message>
    <message>
        <source>Where</source>
        <translation>Où</translation>
    </message>
    <message>
        <source>Where it does not start, build it anew.</source>
        <translation>S’il ne démarre pas, compilez-le à nouveau.</translation>
    </message>
    <message>
        <source>Where the smallest box's shorter side is measured</source>
        <translation>Où se mesure le petit côté de la plus petite boîte</translation>
    </message>
    <message>
        <source>Which camera: its number (the first has 0), or an address such as rtsp://name:password@10.0.0.7/</source>
        <translation>Quelle caméra : son numéro (la première a le 0), ou une adresse comme rtsp://nom:motdepasse@10.0.0.7/</translation>
    </message>
    <message>
        <source>Which of two boxes over one another stays</source>
        <translation>Laquelle de deux boîtes superposées reste</translation>
    </message>
    <message>
        <source>While training</source>
        <translation>Pendant l’entraînement</translation>
    </message>
    <message>
        <source>While training: may end early</source>
        <translation>Pendant l’entraînement : arrêt anticipé possible</translation>
    </message>
    <message>
        <source>While training: not measured</source>
        <translation>Pendant l’entraînement : sans mesure</translation>
    </message>
    <message>
        <source>Who looks: OpenCV in this program (faster on a processor), or Darknet itself; same boxes</source>
        <translation>Qui regarde : OpenCV dans ce programme (plus rapide sur un processeur), ou Darknet lui-même ; mêmes boîtes</translation>
    </message>
    <message>
        <source>Width and height exchanged</source>
        <translation>Largeur et hauteur inversées</translation>
    </message>
    <message>
        <source>Width and height of the network's input, such as 416 or 608 × 416</source>
        <translation>Largeur et hauteur de l’entrée du réseau, comme 416 ou 608 × 416</translation>
    </message>
    <message>
        <source>Width in pixels; the right edge moves</source>
        <translation>Largeur en pixels; le bord droit bouge</translation>
    </message>
    <message>
        <source>With
the plan</source>
        <translation>Avec
le plan</translation>
    </message>
    <message>
        <source>With a box of</source>
        <translation>Avec une boîte de</translation>
    </message>
    <message>
        <source>With other pictures of this kind it would be {low} to {high} % (95 %).</source>
        <translation>Avec d’autres images de ce genre, ce serait de {low} à {high} % (95 %).</translation>
    </message>
    <message>
        <source>With pasted boxes (boxes of a class cut out and pasted on copies) up to: {list}, each class by itself.</source>
        <translation>Avec des boîtes collées (boîtes d’une classe découpées et collées sur des copies) jusqu’à : {list}, chaque classe à elle seule.</translation>
    </message>
    <message>
        <source>With the cfg, weights and class names that somebody gave you: no set is needed</source>
        <translation>Avec le cfg, les poids et les noms de classes que quelqu’un vous a donnés : aucun jeu n’est nécessaire</translation>
    </message>
    <message>
        <source>With this Darknet the digits should be equal: a build with -Ofast or a graphics card (half precision) can move a box over a threshold.</source>
        <translation>Avec ce Darknet les chiffres devraient être égaux : une compilation avec -Ofast ou une carte graphique (demi-précision) peut faire passer un seuil à une boîte.</translation>
    </message>
    <message>
        <source>Without its tick a class is left out: its boxes are not written</source>
        <translation>Sans sa coche, une classe est laissée de côté : ses boîtes ne sont pas écrites</translation>
    </message>
    <message>
        <source>Without the tick there is no name of a file, folder, class or person in it</source>
        <translation>Sans la coche, aucun nom de fichier, de dossier, de classe ou de personne n’y est</translation>
    </message>
    <message>
        <source>Work them out</source>
        <translation>Les calculer</translation>
    </message>
    <message>
        <source>Write what the camera shows, with the boxes, to a video</source>
        <translation>Écrire ce que montre la caméra, avec les boîtes, dans une vidéo</translation>
    </message>
    <message>
        <source>Writes the list of names: {names}.</source>
        <translation>Écrit la liste de noms : {names}.</translation>
    </message>
    <message>
        <source>Writing label files…</source>
        <translation>Écriture des fichiers d’étiquettes…</translation>
    </message>
    <message>
        <source>Written to {path}.</source>
        <translation>Écrit dans {path}.</translation>
    </message>
    <message>
        <source>YOLOv2's small network, to compare with, or for very weak machines</source>
        <translation>le petit réseau de YOLOv2, pour comparer, ou pour de très faibles machines</translation>
    </message>
    <message>
        <source>YOLOv4's forerunner: as heavy, less accurate; every Darknet knows it</source>
        <translation>le prédécesseur de YOLOv4 : aussi lourd, moins précis; chaque Darknet le connaît</translation>
    </message>
    <message>
        <source>Your labels, as they are now</source>
        <translation>Vos étiquettes, telles qu’elles sont</translation>
    </message>
    <message>
        <source>Your own addresses…</source>
        <translation>Vos propres adresses…</translation>
    </message>
    <message>
        <source>Your own cfg…</source>
        <translation>Votre propre cfg…</translation>
    </message>
    <message>
        <source>Your own network, adapted to the set's classes.</source>
        <translation>Votre propre réseau, adapté aux classes du jeu.</translation>
    </message>
    <message>
        <source>Your own words for the chosen run: what was tried, and what came of it</source>
        <translation>Vos propres mots pour l’entraînement choisi : ce qui a été essayé, et ce qu’il en est sorti</translation>
    </message>
    <message>
        <source>Your own: {name}</source>
        <translation>Le vôtre : {name}</translation>
    </message>
    <message>
        <source>Zip files</source>
        <translation>Fichiers zip</translation>
    </message>
    <message>
        <source>Zoom at the pointer</source>
        <translation>Zoomer sous le pointeur</translation>
    </message>
    <message>
        <source>Zoom in</source>
        <translation>Zoom avant</translation>
    </message>
    <message>
        <source>Zoom out</source>
        <translation>Zoom arrière</translation>
    </message>
    <message>
        <source>Zoom to the box before</source>
        <translation>Zoomer sur la boîte d’avant</translation>
    </message>
    <message>
        <source>Zoom to the selected box, then to the next</source>
        <translation>Zoomer sur la boîte sélectionnée, puis la suivante</translation>
    </message>
    <message>
        <source>a class name needs at least one character and no line break.</source>
        <translation>un nom de classe doit avoir au moins un caractère et aucun saut de ligne.</translation>
    </message>
    <message>
        <source>a number of boxes for each class</source>
        <translation>un nombre de boîtes par classe</translation>
    </message>
    <message>
        <source>a ratio of your own</source>
        <translation>un rapport de votre choix</translation>
    </message>
    <message>
        <source>about {time} left</source>
        <translation>encore environ {time}</translation>
    </message>
    <message>
        <source>add the class {name}</source>
        <translation>ajouter la classe {name}</translation>
    </message>
    <message>
        <source>add {name} box</source>
        <translation>ajouter une boîte {name}</translation>
    </message>
    <message numerus="yes">
        <source>add {n} classes</source>
        <translation>
            <numerusform>ajouter {n} classe</numerusform>
            <numerusform>ajouter {n} classes</numerusform>
        </translation>
    </message>
    <message>
        <source>add {what}</source>
        <translation>ajouter {what}</translation>
    </message>
    <message>
        <source>adds up to {total} %, not 100 %</source>
        <translation>le total est {total} %, et non 100 %</translation>
    </message>
    <message>
        <source>all</source>
        <translation>toutes</translation>
    </message>
    <message>
        <source>all classes</source>
        <translation>toutes les classes</translation>
    </message>
    <message>
        <source>all classes ({count})</source>
        <translation>toutes ({count})</translation>
    </message>
    <message>
        <source>all mistakes</source>
        <translation>toutes les erreurs</translation>
    </message>
    <message>
        <source>all pictures of {second} are in {first}, too: what is measured says nothing.</source>
        <translation>toutes les images de {second} sont aussi dans {first} : ce qui est mesuré ne dit rien.</translation>
    </message>
    <message>
        <source>all splits</source>
        <translation>toutes les parties</translation>
    </message>
    <message>
        <source>alone</source>
        <translation>seule</translation>
    </message>
    <message>
        <source>any</source>
        <translation>peu importe</translation>
    </message>
    <message>
        <source>any confidence</source>
        <translation>toute confiance</translation>
    </message>
    <message>
        <source>any of the ticked classes</source>
        <translation>l’une des classes cochées</translation>
    </message>
    <message>
        <source>any size</source>
        <translation>toute taille</translation>
    </message>
    <message>
        <source>as a network of {size} sees it</source>
        <translation>comme le voit un réseau de {size}</translation>
    </message>
    <message>
        <source>as measured, with the labels of then: evaluate again to count those of now</source>
        <translation>tel que mesuré, avec les étiquettes d’alors : évaluez à nouveau pour compter les actuelles</translation>
    </message>
    <message>
        <source>as the balance plan says: {what}</source>
        <translation>selon le plan d’équilibre : {what}</translation>
    </message>
    <message>
        <source>at iteration {iteration}</source>
        <translation>à l’itération {iteration}</translation>
    </message>
    <message>
        <source>at most {number} on a copy</source>
        <translation>au plus {number} par copie</translation>
    </message>
    <message>
        <source>average IoU</source>
        <translation>IoU moyenne</translation>
    </message>
    <message>
        <source>average loss</source>
        <translation>perte moyenne</translation>
    </message>
    <message>
        <source>average {loss}</source>
        <translation>moyenne {loss}</translation>
    </message>
    <message>
        <source>backup</source>
        <translation>sauvegarde</translation>
    </message>
    <message>
        <source>batch={count} is small: the loss will jump about, and batch normalisation suffers.</source>
        <translation>batch={count} est petit : la perte sautera, et la normalisation par lots en souffre.</translation>
    </message>
    <message>
        <source>becomes {name}</source>
        <translation>devient {name}</translation>
    </message>
    <message>
        <source>before the first iteration</source>
        <translation>avant la première itération</translation>
    </message>
    <message>
        <source>begins at random: {names}</source>
        <translation>part du hasard : {names}</translation>
    </message>
    <message>
        <source>below 50 %</source>
        <translation>moins de 50 %</translation>
    </message>
    <message>
        <source>best</source>
        <translation>meilleurs</translation>
    </message>
    <message>
        <source>best on validation, else the last</source>
        <translation>meilleurs sur validation, sinon derniers</translation>
    </message>
    <message>
        <source>best {mean:.1f} % at {iteration}</source>
        <translation>meilleure {mean:.1f} % à {iteration}</translation>
    </message>
    <message>
        <source>better</source>
        <translation>mieux</translation>
    </message>
    <message>
        <source>blank line in a list of pictures.</source>
        <translation>ligne vide dans une liste d’images.</translation>
    </message>
    <message>
        <source>blur</source>
        <translation>flou</translation>
    </message>
    <message>
        <source>bootstrap</source>
        <translation>bootstrap</translation>
    </message>
    <message>
        <source>both</source>
        <translation>les deux</translation>
    </message>
    <message>
        <source>box</source>
        <translation>boîte</translation>
    </message>
    <message>
        <source>box {place} lies wholly outside the picture of {size}.</source>
        <translation>la boîte {place} est entièrement hors de l’image de {size}.</translation>
    </message>
    <message>
        <source>box {place} passes the edge of the picture of {size} by {over} px.</source>
        <translation>la boîte {place} dépasse de {over} px le bord de l’image de {size}.</translation>
    </message>
    <message>
        <source>box {place} reaches far outside the picture of {size}.</source>
        <translation>la boîte {place} sort loin de l’image de {size}.</translation>
    </message>
    <message>
        <source>boxes</source>
        <translation>boîtes</translation>
    </message>
    <message>
        <source>boxes of {name} do not fit {count} times</source>
        <translation>des boîtes de {name} sont mal ajustées {count} fois</translation>
    </message>
    <message>
        <source>boxes under 8 px at the network's {size}</source>
        <translation>boîtes de moins de 8 px à la taille {size} du réseau</translation>
    </message>
    <message>
        <source>boxes: outside the picture, tiny, without area, exchanged edges, very long, on each other</source>
        <translation>boîtes : hors de l’image, minuscules, sans surface, bords inversés, très longues, l’une sur l’autre</translation>
    </message>
    <message>
        <source>boxes: {range}</source>
        <translation>boîtes : {range}</translation>
    </message>
    <message>
        <source>brightness</source>
        <translation>luminosité</translation>
    </message>
    <message>
        <source>bring back {what}</source>
        <translation>restaurer {what}</translation>
    </message>
    <message>
        <source>by kind</source>
        <translation>par genre</translation>
    </message>
    <message>
        <source>by picture</source>
        <translation>par image</translation>
    </message>
    <message>
        <source>by {signal}</source>
        <translation>par {signal}</translation>
    </message>
    <message>
        <source>cannot be read: {error}.</source>
        <translation>ne peut être lu : {error}.</translation>
    </message>
    <message>
        <source>class id {number} is not one of 0 to {most}.</source>
        <translation>l’identifiant de classe {number} n’est pas entre 0 et {most}.</translation>
    </message>
    <message>
        <source>class name {name} has blanks around it.</source>
        <translation>le nom de classe {name} est entouré d’espaces.</translation>
    </message>
    <message>
        <source>class {name} has no box.</source>
        <translation>la classe {name} n’a aucune boîte.</translation>
    </message>
    <message>
        <source>class {name} is by its name no class but marks what is to be ignored.</source>
        <translation>la classe {name}, d’après son nom, n’en est pas une mais marque ce qui est à ignorer.</translation>
    </message>
    <message>
        <source>classes {names}</source>
        <translation>classes {names}</translation>
    </message>
    <message>
        <source>classes {names} differ only by case, blanks, - or _.</source>
        <translation>les classes {names} ne diffèrent que par la casse, les espaces, - ou _.</translation>
    </message>
    <message>
        <source>classes: names that hardly differ, classes without a box</source>
        <translation>classes : noms qui diffèrent à peine, classes sans boîte</translation>
    </message>
    <message>
        <source>click</source>
        <translation>clic</translation>
    </message>
    <message>
        <source>compared with</source>
        <translation>comparé à</translation>
    </message>
    <message>
        <source>comparing</source>
        <translation>comparaison</translation>
    </message>
    <message>
        <source>comparing with the pictures that are there</source>
        <translation>comparaison avec les images du jeu</translation>
    </message>
    <message>
        <source>confidence</source>
        <translation>la confiance</translation>
    </message>
    <message>
        <source>confidence, %</source>
        <translation>confiance, %</translation>
    </message>
    <message>
        <source>contrast</source>
        <translation>contraste</translation>
    </message>
    <message>
        <source>coordinates finer than {size} px</source>
        <translation>les coordonnées plus fines que {size} px</translation>
    </message>
    <message>
        <source>copy paste</source>
        <translation>copier-coller</translation>
    </message>
    <message>
        <source>copying pictures</source>
        <translation>copie des images</translation>
    </message>
    <message>
        <source>costliest first</source>
        <translation>coûteuses d’abord</translation>
    </message>
    <message>
        <source>counters_per_class has {count} numbers for {classes} classes.</source>
        <translation>counters_per_class a {count} nombres pour {classes} classes.</translation>
    </message>
    <message>
        <source>counters_per_class needs a number from 1 for each of the {classes} classes.</source>
        <translation>counters_per_class demande un nombre dès 1 pour chacune des {classes} classes.</translation>
    </message>
    <message>
        <source>crop</source>
        <translation>rognage</translation>
    </message>
    <message>
        <source>crowd</source>
        <translation>foule</translation>
    </message>
    <message>
        <source>cuDNN does not work here ({error}): often the GPU's memory is full already, else the installed cuDNN is not the one that Darknet is built with. Take more subdivisions, or build Darknet anew.</source>
        <translation>cuDNN ne fonctionne pas ici ({error}) : souvent la mémoire de la carte graphique est déjà pleine, sinon le cuDNN installé n’est pas celui avec lequel Darknet est compilé. Prenez plus de subdivisions, ou recompilez Darknet.</translation>
    </message>
    <message>
        <source>cut box to the picture</source>
        <translation>rogner une boîte à l’image</translation>
    </message>
    <message>
        <source>cut {what} to the picture</source>
        <translation>rogner {what} à l’image</translation>
    </message>
    <message>
        <source>cut {what} to their pictures</source>
        <translation>rogner {what} à leurs images</translation>
    </message>
    <message>
        <source>cutmix</source>
        <translation>cutmix</translation>
    </message>
    <message>
        <source>cutout</source>
        <translation>cutout</translation>
    </message>
    <message>
        <source>delete box</source>
        <translation>supprimer une boîte</translation>
    </message>
    <message>
        <source>delete the class {name}</source>
        <translation>supprimer la classe {name}</translation>
    </message>
    <message>
        <source>delete the class {name} and {what}</source>
        <translation>supprimer la classe {name} et {what}</translation>
    </message>
    <message>
        <source>delete the class {name}, {what} to {other}</source>
        <translation>supprimer la classe {name}, {what} vers {other}</translation>
    </message>
    <message>
        <source>delete {what}</source>
        <translation>supprimer {what}</translation>
    </message>
    <message>
        <source>deleted; Ctrl+Z brings it back</source>
        <translation>supprimée; Ctrl+Z la ramène</translation>
    </message>
    <message>
        <source>difference</source>
        <translation>différence</translation>
    </message>
    <message>
        <source>difficult</source>
        <translation>difficile</translation>
    </message>
    <message>
        <source>disagreement from {score}</source>
        <translation>désaccord dès {score}</translation>
    </message>
    <message>
        <source>disagreement {value} %</source>
        <translation>désaccord {value} %</translation>
    </message>
    <message>
        <source>does not fit</source>
        <translation>mal ajustée</translation>
    </message>
    <message>
        <source>does not say which classes it was trained on: they are taken for {names}, in this order.</source>
        <translation>ne dit pas sur quelles classes il a été entraîné : on les prend pour {names}, dans cet ordre.</translation>
    </message>
    <message>
        <source>down</source>
        <translation>bas</translation>
    </message>
    <message>
        <source>drag</source>
        <translation>glisser</translation>
    </message>
    <message>
        <source>duplicate</source>
        <translation>dupliquer</translation>
    </message>
    <message>
        <source>dynamic_minibatch=1 does nothing without random=1.</source>
        <translation>dynamic_minibatch=1 ne fait rien sans random=1.</translation>
    </message>
    <message>
        <source>each box at most {number} times</source>
        <translation>chaque boîte au plus {number} fois</translation>
    </message>
    <message>
        <source>each of the ticked classes</source>
        <translation>chacune des classes cochées</translation>
    </message>
    <message>
        <source>empty</source>
        <translation>vide</translation>
    </message>
    <message>
        <source>empty on purpose</source>
        <translation>vide, c’est voulu</translation>
    </message>
    <message>
        <source>empty: nothing to label in it</source>
        <translation>vide : rien à étiqueter dessus</translation>
    </message>
    <message>
        <source>equal: as many boxes of each class</source>
        <translation>égale : autant de boîtes de chaque classe</translation>
    </message>
    <message>
        <source>every copy is a dark place</source>
        <translation>chaque copie est un lieu sombre</translation>
    </message>
    <message>
        <source>everywhere</source>
        <translation>partout</translation>
    </message>
    <message>
        <source>exchange the edges of {what}</source>
        <translation>échanger les bords de {what}</translation>
    </message>
    <message>
        <source>exposure</source>
        <translation>exposition</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>échoué</translation>
    </message>
    <message>
        <source>files: labels without a picture, pictures without labels, label files that cannot be read</source>
        <translation>fichiers : étiquettes sans image, images sans étiquettes, fichiers d’étiquettes illisibles</translation>
    </message>
    <message>
        <source>final</source>
        <translation>finaux</translation>
    </message>
    <message>
        <source>finished</source>
        <translation>terminé</translation>
    </message>
    <message>
        <source>finished: {count} iterations; the weights are {path}</source>
        <translation>terminé : {count} itérations; les poids sont {path}</translation>
    </message>
    <message>
        <source>finished: {count} iterations; the weights are {path} (they are whole; Darknet itself then ended {how})</source>
        <translation>terminé : {count} itérations; les poids sont {path} (ils sont entiers; Darknet lui-même s’est ensuite arrêté {how})</translation>
    </message>
    <message>
        <source>flags</source>
        <translation>les marques</translation>
    </message>
    <message>
        <source>flip</source>
        <translation>miroir</translation>
    </message>
    <message>
        <source>for the GPU</source>
        <translation>pour la carte graphique</translation>
    </message>
    <message>
        <source>frame %v of %m</source>
        <translation>trame %v sur %m</translation>
    </message>
    <message>
        <source>frame {number}</source>
        <translation>image {number}</translation>
    </message>
    <message>
        <source>frame {number} of {count}</source>
        <translation>image {number} sur {count}</translation>
    </message>
    <message>
        <source>from</source>
        <translation>dès</translation>
    </message>
    <message>
        <source>from 50 %</source>
        <translation>dès 50 %</translation>
    </message>
    <message>
        <source>from 75 %</source>
        <translation>dès 75 %</translation>
    </message>
    <message>
        <source>from 90 %</source>
        <translation>dès 90 %</translation>
    </message>
    <message>
        <source>from a file…</source>
        <translation>d’un fichier…</translation>
    </message>
    <message>
        <source>goes on from what it knows: {names}</source>
        <translation>continue à partir de ce qu’il sait : {names}</translation>
    </message>
    <message>
        <source>grid mask</source>
        <translation>masque en grille</translation>
    </message>
    <message>
        <source>ground truth ↓  taken for →</source>
        <translation>vérité terrain ↓  prise pour →</translation>
    </message>
    <message>
        <source>h</source>
        <translation>h</translation>
    </message>
    <message>
        <source>hank-ai's Darknet ends at keys that it does not know; these are left out: {names}.</source>
        <translation>Le Darknet de hank-ai s’arrête aux clés qu’il ne connaît pas ; celles-ci sont laissées de côté : {names}.</translation>
    </message>
    <message>
        <source>hank-ai's Darknet reads and resizes pictures with its own OpenCV: a box near a threshold can fall on the other side. It looks for labels beside the file that a link leads to, and letter_box=1 counts for its training, but not for its map.</source>
        <translation>Le Darknet de hank-ai lit et redimensionne les images avec son propre OpenCV : une boîte proche d’un seuil peut passer de l’autre côté. Il cherche les étiquettes à côté du fichier vers lequel mène un lien, et letter_box=1 compte pour son entraînement, mais pas pour son mAP.</translation>
    </message>
    <message>
        <source>hank-ai's Darknet trained this network and shrinks pictures with OpenCV, as the numbers here do; this one shrinks them in its own way. hank-ai's would count what stands here.</source>
        <translation>Le Darknet de hank-ai a entraîné ce réseau et réduit les images avec OpenCV, comme les nombres d’ici ; celui-ci les réduit à sa manière. Celui de hank-ai compterait ce qui est ici.</translation>
    </message>
    <message>
        <source>has exactly the pixels of {name}.</source>
        <translation>a exactement les pixels de {name}.</translation>
    </message>
    <message>
        <source>has exactly what {name} shows, but {here} of {all} boxes here and {there} of {others} there have no counterpart.</source>
        <translation>montre exactement la même chose que {name}, mais {here} boîtes sur {all} ici et {there} sur {others} là n’ont pas de pendant.</translation>
    </message>
    <message>
        <source>has no classes: it learns yours anew, on layers that know what pictures look like</source>
        <translation>sans classes : il apprend les vôtres, sur des couches qui savent à quoi ressemblent des images</translation>
    </message>
    <message>
        <source>has no label file.</source>
        <translation>n’a pas de fichier d’étiquettes.</translation>
    </message>
    <message>
        <source>has {boxes} boxes; this Darknet trains on {most} of them.</source>
        <translation>a {boxes} boîtes; ce Darknet en prend {most} pour l’entraînement.</translation>
    </message>
    <message>
        <source>has {columns} columns, not class x y width height.</source>
        <translation>a {columns} colonnes, et non : classe x y largeur hauteur.</translation>
    </message>
    <message>
        <source>height</source>
        <translation>hauteur</translation>
    </message>
    <message>
        <source>here</source>
        <translation>ici</translation>
    </message>
    <message>
        <source>hide and seek</source>
        <translation>cache-cache</translation>
    </message>
    <message>
        <source>holds the first {some} of the network's {all} layers; the rest starts at random.</source>
        <translation>contient les {some} premières des {all} couches du réseau ; le reste commence au hasard.</translation>
    </message>
    <message>
        <source>holds {held} weights, the network has {wanted}: it is cut short, or of a network that shares no layers with this one.</source>
        <translation>contient {held} poids, le réseau en a {wanted} : le fichier est tronqué, ou vient d’un réseau qui n’a aucune couche en commun avec celui-ci.</translation>
    </message>
    <message>
        <source>hue</source>
        <translation>teinte</translation>
    </message>
    <message>
        <source>images/, labels/ and data.yaml: for YOLOv5, YOLOv8 and others of Ultralytics.</source>
        <translation>images/, labels/ et data.yaml : pour YOLOv5, YOLOv8 et autres d’Ultralytics.</translation>
    </message>
    <message>
        <source>in</source>
        <translation>dans</translation>
    </message>
    <message>
        <source>in all</source>
        <translation>en tout</translation>
    </message>
    <message>
        <source>in copies of train</source>
        <translation>dans les copies de train</translation>
    </message>
    <message>
        <source>in the picture</source>
        <translation>dans l’image</translation>
    </message>
    <message>
        <source>is a copy of {picture}, which is in {split}: the measure would be too good.</source>
        <translation>est une copie de {picture}, qui est dans {split} : la mesure serait trop bonne.</translation>
    </message>
    <message>
        <source>is a folder, not weights.</source>
        <translation>est un dossier, pas des poids.</translation>
    </message>
    <message>
        <source>is a pointer of Git LFS, not weights.</source>
        <translation>est un pointeur de Git LFS, pas des poids.</translation>
    </message>
    <message>
        <source>is a text, not weights.</source>
        <translation>est un texte, pas des poids.</translation>
    </message>
    <message>
        <source>is a web page, not weights.</source>
        <translation>est une page web, pas des poids.</translation>
    </message>
    <message>
        <source>is an archive, or a model of another program, not weights.</source>
        <translation>est une archive ou un modèle d’un autre programme, pas des poids.</translation>
    </message>
    <message>
        <source>is in no label file.</source>
        <translation>n’est dans aucun fichier d’étiquettes.</translation>
    </message>
    <message>
        <source>is left out: {why}.</source>
        <translation>est laissé de côté : {why}.</translation>
    </message>
    <message>
        <source>is no Darknet weights file.</source>
        <translation>n’est pas un fichier de poids de Darknet.</translation>
    </message>
    <message>
        <source>is no file, not weights.</source>
        <translation>n’est pas un fichier, donc pas des poids.</translation>
    </message>
    <message>
        <source>is of a kind that Darknet does not read.</source>
        <translation>est d’un genre que Darknet ne lit pas.</translation>
    </message>
    <message>
        <source>is of another network ({network}), which shares no layers with this one.</source>
        <translation>est d’un autre réseau ({network}), qui n’a aucune couche commune avec celui-ci.</translation>
    </message>
    <message>
        <source>is of another network ({network}): its first {some} layers are the same and are taken; the rest of the {all} starts at random.</source>
        <translation>vient d’un autre réseau ({network}) : ses {some} premières couches sont les mêmes et sont reprises ; le reste des {all} commence au hasard.</translation>
    </message>
    <message>
        <source>it can be trained, but not measured or used here: {layer} (line {line}) is nothing that OpenCV does. Darknet itself measures it.</source>
        <translation>il peut être entraîné, mais ni mesuré ni utilisé ici : OpenCV ne sait pas faire {layer} (ligne {line}). Darknet lui-même le mesure.</translation>
    </message>
    <message>
        <source>iteration</source>
        <translation>itération</translation>
    </message>
    <message>
        <source>iteration {count}</source>
        <translation>itération {count}</translation>
    </message>
    <message>
        <source>iteration {iteration}</source>
        <translation>itération {iteration}</translation>
    </message>
    <message>
        <source>iteration {iteration} ({kind})</source>
        <translation>itération {iteration} ({kind})</translation>
    </message>
    <message>
        <source>iteration {iteration} is reached already, and max_batches is {most}: Darknet would end at once, without a word.</source>
        <translation>l’itération {iteration} est déjà atteinte, et max_batches est {most} : Darknet s’arrêterait aussitôt, sans un mot.</translation>
    </message>
    <message>
        <source>iteration {iteration} is saved; go on with: train-cli resume {path}</source>
        <translation>l’itération {iteration} est enregistrée; continuer avec : train-cli resume {path}</translation>
    </message>
    <message>
        <source>iteration {n} ({kind})</source>
        <translation>itération {n} ({kind})</translation>
    </message>
    <message>
        <source>its end is missing</source>
        <translation>sa fin manque</translation>
    </message>
    <message>
        <source>its end was never written (the power failed, or a download stopped).</source>
        <translation>sa fin n’a jamais été écrite (coupure de courant ou téléchargement interrompu).</translation>
    </message>
    <message>
        <source>its values are no numbers (NaN): the training that saved it had diverged.</source>
        <translation>ses valeurs ne sont pas des nombres (NaN) : l’entraînement qui l’a enregistré avait divergé.</translation>
    </message>
    <message>
        <source>jpeg</source>
        <translation>jpeg</translation>
    </message>
    <message>
        <source>knows the 80 classes of COCO; its last layers begin at random where yours are others</source>
        <translation>connaît les 80 classes de COCO ; ses dernières couches partent du hasard là où les vôtres sont autres</translation>
    </message>
    <message>
        <source>large (from 96² px)</source>
        <translation>grande (dès 96² px)</translation>
    </message>
    <message>
        <source>large {name}</source>
        <translation>grandes {name}</translation>
    </message>
    <message>
        <source>largest first</source>
        <translation>grandes d’abord</translation>
    </message>
    <message>
        <source>last</source>
        <translation>derniers</translation>
    </message>
    <message>
        <source>learning rate {rate}</source>
        <translation>taux d’apprentissage {rate}</translation>
    </message>
    <message>
        <source>least sure first</source>
        <translation>moins sûres d’abord</translation>
    </message>
    <message>
        <source>leave it out</source>
        <translation>la laisser de côté</translation>
    </message>
    <message>
        <source>left</source>
        <translation>gauche</translation>
    </message>
    <message>
        <source>left out: {names}</source>
        <translation>laissé de côté : {names}</translation>
    </message>
    <message>
        <source>looking…</source>
        <translation>examen…</translation>
    </message>
    <message>
        <source>loss</source>
        <translation>perte</translation>
    </message>
    <message>
        <source>loss {loss}</source>
        <translation>perte {loss}</translation>
    </message>
    <message>
        <source>low light</source>
        <translation>faible lumière</translation>
    </message>
    <message>
        <source>mAP</source>
        <translation>mAP</translation>
    </message>
    <message>
        <source>mAP by Darknet</source>
        <translation>mAP selon Darknet</translation>
    </message>
    <message>
        <source>mAP@0.50 on test: {value} % with the weights of iteration {iteration}.</source>
        <translation>mAP@0.50 sur test : {value} % avec les poids de l’itération {iteration}.</translation>
    </message>
    <message>
        <source>mAP@0.50 on the validation pictures</source>
        <translation>mAP@0.50 sur les images de validation</translation>
    </message>
    <message>
        <source>mAP@{iou:.2f} on val {mean:.1f} %</source>
        <translation>mAP@{iou:.2f} sur val {mean:.1f} %</translation>
    </message>
    <message>
        <source>mark box as not {flag}</source>
        <translation>marquer une boîte comme non {flag}</translation>
    </message>
    <message>
        <source>mark box as {flag}</source>
        <translation>marquer une boîte comme {flag}</translation>
    </message>
    <message>
        <source>mark {what} as empty</source>
        <translation>marquer {what} comme vide</translation>
    </message>
    <message>
        <source>mark {what} as not labelled yet</source>
        <translation>marquer {what} comme pas encore étiquetée</translation>
    </message>
    <message>
        <source>mark {what} as not reviewed</source>
        <translation>marquer {what} comme non vérifiée</translation>
    </message>
    <message>
        <source>mark {what} as not {flag}</source>
        <translation>marquer {what} comme non {flag}</translation>
    </message>
    <message>
        <source>mark {what} as reviewed</source>
        <translation>marquer {what} comme vérifiée</translation>
    </message>
    <message>
        <source>mark {what} as {flag}</source>
        <translation>marquer {what} comme {flag}</translation>
    </message>
    <message>
        <source>max={count}: this Darknet has room for 90 boxes of a picture only, and dies of more.</source>
        <translation>max={count} : ce Darknet n’a de place que pour 90 boîtes par image, et meurt s’il y en a plus.</translation>
    </message>
    <message>
        <source>measures in a row, while the loss still fell</source>
        <translation>mesures de suite, alors que la perte baissait encore</translation>
    </message>
    <message>
        <source>measuring iteration {iteration} on val ({share:.0f} %)…</source>
        <translation>mesure de l’itération {iteration} sur val ({share:.0f} %)…</translation>
    </message>
    <message>
        <source>medium</source>
        <translation>moyenne</translation>
    </message>
    <message>
        <source>medium {name}</source>
        <translation>moyennes {name}</translation>
    </message>
    <message>
        <source>mend box</source>
        <translation>corriger une boîte</translation>
    </message>
    <message>
        <source>mend {what}</source>
        <translation>corriger {what}</translation>
    </message>
    <message>
        <source>merge {names} into {into}</source>
        <translation>fusionner {names} dans {into}</translation>
    </message>
    <message>
        <source>middle button, drag</source>
        <translation>bouton du milieu, glisser</translation>
    </message>
    <message>
        <source>missed</source>
        <translation>manquée</translation>
    </message>
    <message>
        <source>mixup</source>
        <translation>mixup</translation>
    </message>
    <message>
        <source>more with the copies</source>
        <translation>de plus avec les copies</translation>
    </message>
    <message>
        <source>mosaic</source>
        <translation>mosaïque</translation>
    </message>
    <message>
        <source>mosaic=1 and letter_box=1 do not go together: Darknet ends at its first picture.</source>
        <translation>mosaic=1 et letter_box=1 ne vont pas ensemble : Darknet s’arrête à la première image.</translation>
    </message>
    <message>
        <source>mosaic=1 and letter_box=1 do not go together: Darknet refuses them.</source>
        <translation>mosaic=1 et letter_box=1 ne vont pas ensemble : Darknet les refuse.</translation>
    </message>
    <message>
        <source>mosaic=1 needs a Darknet that is built with OpenCV, and this one is not.</source>
        <translation>mosaic=1 demande un Darknet compilé avec OpenCV, et celui-ci ne l’est pas.</translation>
    </message>
    <message>
        <source>most</source>
        <translation>la plus grande</translation>
    </message>
    <message>
        <source>motion blur</source>
        <translation>flou de bougé</translation>
    </message>
    <message>
        <source>move box</source>
        <translation>déplacer une boîte</translation>
    </message>
    <message>
        <source>move {what}</source>
        <translation>déplacer {what}</translation>
    </message>
    <message>
        <source>move {what} into {split}</source>
        <translation>mettre {what} dans {split}</translation>
    </message>
    <message>
        <source>move {what} out of the split</source>
        <translation>sortir {what} de la répartition</translation>
    </message>
    <message>
        <source>nearly the same as {name}</source>
        <translation>presque comme {name}</translation>
    </message>
    <message>
        <source>no box</source>
        <translation>aucune boîte</translation>
    </message>
    <message>
        <source>no box of {name} is in the training pictures: the network cannot learn it.</source>
        <translation>aucune boîte de {name} dans les images d’entraînement : le réseau ne peut pas l’apprendre.</translation>
    </message>
    <message>
        <source>no box of {name} is in the validation pictures: its AP cannot be measured, and counts as 0.</source>
        <translation>aucune boîte de {name} dans les images de validation : son AP ne peut pas être mesurée et compte pour 0.</translation>
    </message>
    <message>
        <source>no findings</source>
        <translation>aucune anomalie</translation>
    </message>
    <message>
        <source>no labels</source>
        <translation>sans étiquettes</translation>
    </message>
    <message>
        <source>no picture is kept apart for {split}: the training cannot be measured on it.</source>
        <translation>aucune image n’est mise à part pour {split} : l’entraînement ne peut y être mesuré.</translation>
    </message>
    <message>
        <source>no set is open</source>
        <translation>aucun jeu n’est ouvert</translation>
    </message>
    <message>
        <source>no split</source>
        <translation>aucune partie</translation>
    </message>
    <message>
        <source>noise</source>
        <translation>bruit</translation>
    </message>
    <message>
        <source>none</source>
        <translation>aucune</translation>
    </message>
    <message>
        <source>none of its {what} has a label file.</source>
        <translation>aucune de ses {what} n’a de fichier d’étiquettes.</translation>
    </message>
    <message>
        <source>none was found</source>
        <translation>aucun trouvé</translation>
    </message>
    <message>
        <source>none: it starts at random</source>
        <translation>aucun : il part du hasard</translation>
    </message>
    <message>
        <source>none: it trains on the CPU</source>
        <translation>aucun : l’entraînement se fait sur le processeur</translation>
    </message>
    <message>
        <source>none: train one on the Train page, or choose files</source>
        <translation>aucun : entraînez-en un sur la page Entraîner, ou choisissez des fichiers</translation>
    </message>
    <message>
        <source>not even the smallest training ends in a night on this computer.</source>
        <translation>même le plus petit entraînement ne finit pas en une nuit sur cet ordinateur.</translation>
    </message>
    <message>
        <source>not found</source>
        <translation>non trouvée</translation>
    </message>
    <message>
        <source>not labelled</source>
        <translation>non étiquetées</translation>
    </message>
    <message>
        <source>not labelled yet</source>
        <translation>pas encore étiquetée</translation>
    </message>
    <message>
        <source>not mended</source>
        <translation>non corrigées</translation>
    </message>
    <message>
        <source>not reviewed</source>
        <translation>non vérifiée</translation>
    </message>
    <message>
        <source>not set</source>
        <translation>non fixé</translation>
    </message>
    <message>
        <source>not split</source>
        <translation>non réparti</translation>
    </message>
    <message>
        <source>not started yet</source>
        <translation>pas encore démarré</translation>
    </message>
    <message>
        <source>not told apart</source>
        <translation>non départagés</translation>
    </message>
    <message>
        <source>nothing</source>
        <translation>rien</translation>
    </message>
    <message>
        <source>nothing found</source>
        <translation>rien trouvé</translation>
    </message>
    <message>
        <source>nothing that differs</source>
        <translation>rien qui diffère</translation>
    </message>
    <message>
        <source>nothing that is known of</source>
        <translation>rien que l’on sache</translation>
    </message>
    <message>
        <source>nothing there</source>
        <translation>rien à cet endroit</translation>
    </message>
    <message>
        <source>nothing was saved yet: Darknet saves every {count} iterations</source>
        <translation>rien n’a encore été enregistré : Darknet enregistre toutes les {count} itérations</translation>
    </message>
    <message>
        <source>now</source>
        <translation>maintenant</translation>
    </message>
    <message>
        <source>nudge box</source>
        <translation>décaler une boîte</translation>
    </message>
    <message>
        <source>nudge edge</source>
        <translation>décaler un bord</translation>
    </message>
    <message>
        <source>nvidia-smi complains: {error}.</source>
        <translation>nvidia-smi se plaint : {error}.</translation>
    </message>
    <message>
        <source>occluded</source>
        <translation>occulté</translation>
    </message>
    <message>
        <source>of 2016, to look at: no Darknet trains it on classes of one's own</source>
        <translation>de 2016, à regarder : aucun Darknet ne l’entraîne sur vos propres classes</translation>
    </message>
    <message>
        <source>of 2017, to compare with: one detection layer of 32 pixels a cell, poor at small things</source>
        <translation>de 2017, pour comparer : une couche de détection à 32 pixels par case, faible pour les petites choses</translation>
    </message>
    <message>
        <source>on</source>
        <translation>sur</translation>
    </message>
    <message>
        <source>on test</source>
        <translation>sur test</translation>
    </message>
    <message>
        <source>on the CPU</source>
        <translation>sur le processeur</translation>
    </message>
    <message>
        <source>on the page {page}</source>
        <translation>à la page {page}</translation>
    </message>
    <message>
        <source>on this computer's processor</source>
        <translation>sur le processeur de cet ordinateur</translation>
    </message>
    <message>
        <source>on training</source>
        <translation>sur l’entraînement</translation>
    </message>
    <message>
        <source>on validation</source>
        <translation>sur validation</translation>
    </message>
    <message>
        <source>only {free} are free in {folder}</source>
        <translation>seuls {free} sont libres dans {folder}</translation>
    </message>
    <message>
        <source>only {name}</source>
        <translation>seulement {name}</translation>
    </message>
    <message>
        <source>opened on {date}</source>
        <translation>ouvert le {date}</translation>
    </message>
    <message>
        <source>opened today, {time}</source>
        <translation>ouvert aujourd’hui, {time}</translation>
    </message>
    <message>
        <source>opened yesterday</source>
        <translation>ouvert hier</translation>
    </message>
    <message numerus="yes">
        <source>opened {n} days ago</source>
        <translation>
            <numerusform>ouvert il y a {n} jour</numerusform>
            <numerusform>ouvert il y a {n} jours</numerusform>
        </translation>
    </message>
    <message>
        <source>parts of every copy are hidden</source>
        <translation>des parties de chaque copie sont cachées</translation>
    </message>
    <message>
        <source>paste</source>
        <translation>coller</translation>
    </message>
    <message>
        <source>paste boxes of rare classes on copies, where copies alone do not do</source>
        <translation>coller des boîtes de classes rares sur les copies, là où les copies ne suffisent pas</translation>
    </message>
    <message>
        <source>pasted</source>
        <translation>collées</translation>
    </message>
    <message>
        <source>picture</source>
        <translation>image</translation>
    </message>
    <message>
        <source>pictures</source>
        <translation>images</translation>
    </message>
    <message>
        <source>pictures that show the same, and whether their boxes agree</source>
        <translation>images qui montrent la même chose, et l’accord de leurs boîtes</translation>
    </message>
    <message>
        <source>pictures with both</source>
        <translation>images avec les deux</translation>
    </message>
    <message>
        <source>pictures with so many boxes</source>
        <translation>images avec autant de boîtes</translation>
    </message>
    <message>
        <source>pixels</source>
        <translation>pixels</translation>
    </message>
    <message>
        <source>pjreddie's Darknet trained this network with pictures that keep their proportions, as the numbers here do; hank-ai's stretches them.</source>
        <translation>Le Darknet de pjreddie a entraîné ce réseau avec des images qui gardent leurs proportions, comme les nombres d’ici ; celui de hank-ai les étire.</translation>
    </message>
    <message>
        <source>plays in VLC, not in browsers</source>
        <translation>lu par VLC, pas par les navigateurs</translation>
    </message>
    <message>
        <source>plays in browsers, Windows' player and VLC</source>
        <translation>lu par les navigateurs, le lecteur de Windows et VLC</translation>
    </message>
    <message>
        <source>precision</source>
        <translation>précision</translation>
    </message>
    <message>
        <source>precision, %</source>
        <translation>précision, %</translation>
    </message>
    <message>
        <source>predictions disagree by</source>
        <translation>prédictions en désaccord de</translation>
    </message>
    <message>
        <source>predictions disagree first</source>
        <translation>prédictions en désaccord d’abord</translation>
    </message>
    <message>
        <source>props</source>
        <translation>accessoires</translation>
    </message>
    <message>
        <source>random erase</source>
        <translation>effacement au hasard</translation>
    </message>
    <message>
        <source>random=1 lets this Darknet train at up to 608 x 608 whatever the cfg says.</source>
        <translation>avec random=1, ce Darknet entraîne jusqu’à 608 x 608 quoi que dise le cfg.</translation>
    </message>
    <message>
        <source>reading labels</source>
        <translation>lecture des étiquettes</translation>
    </message>
    <message>
        <source>recall</source>
        <translation>rappel</translation>
    </message>
    <message>
        <source>recall, %</source>
        <translation>rappel, %</translation>
    </message>
    <message>
        <source>relabel box as {name}</source>
        <translation>donner à une boîte la classe {name}</translation>
    </message>
    <message>
        <source>relabel {what} as {name}</source>
        <translation>donner à {what} la classe {name}</translation>
    </message>
    <message>
        <source>remove {what}</source>
        <translation>enlever {what}</translation>
    </message>
    <message>
        <source>remove {what} that others show as well</source>
        <translation>enlever {what} que d’autres montrent aussi</translation>
    </message>
    <message>
        <source>rename {old} to {new}</source>
        <translation>renommer {old} en {new}</translation>
    </message>
    <message>
        <source>reorder the classes</source>
        <translation>réordonner les classes</translation>
    </message>
    <message>
        <source>resize box</source>
        <translation>redimensionner une boîte</translation>
    </message>
    <message>
        <source>reviewed</source>
        <translation>vérifiée</translation>
    </message>
    <message>
        <source>right</source>
        <translation>droite</translation>
    </message>
    <message>
        <source>right button</source>
        <translation>bouton droit</translation>
    </message>
    <message>
        <source>right, %</source>
        <translation>justes, %</translation>
    </message>
    <message>
        <source>rotation</source>
        <translation>rotation</translation>
    </message>
    <message>
        <source>running</source>
        <translation>en cours</translation>
    </message>
    <message>
        <source>saturation</source>
        <translation>saturation</translation>
    </message>
    <message>
        <source>saved at {iteration}</source>
        <translation>enregistré à {iteration}</translation>
    </message>
    <message>
        <source>scale</source>
        <translation>échelle</translation>
    </message>
    <message>
        <source>seed</source>
        <translation>graine</translation>
    </message>
    <message>
        <source>seen twice</source>
        <translation>vue deux fois</translation>
    </message>
    <message>
        <source>several…</source>
        <translation>plusieurs…</translation>
    </message>
    <message>
        <source>shear</source>
        <translation>cisaillement</translation>
    </message>
    <message>
        <source>shows nearly the same as {name}.</source>
        <translation>montre presque la même chose que {name}.</translation>
    </message>
    <message>
        <source>shows nearly what {name} shows, but {here} of {all} boxes here and {there} of {others} there have no counterpart.</source>
        <translation>montre presque la même chose que {name}, mais {here} boîtes sur {all} ici et {there} sur {others} là n’ont pas de pendant.</translation>
    </message>
    <message>
        <source>shows the same as {name}, but is in {split} and that in {where}.</source>
        <translation>montre la même chose que {name}, mais est dans {split} et l’autre dans {where}.</translation>
    </message>
    <message>
        <source>side of the box in pixels of the picture (below: boxes)</source>
        <translation>côté de la boîte en pixels de l’image (dessous : boîtes)</translation>
    </message>
    <message>
        <source>small (under 32² px)</source>
        <translation>petite (sous 32² px)</translation>
    </message>
    <message>
        <source>small and fast with YOLOv4's losses; 8 to 10 times lighter than yolov4</source>
        <translation>petit et rapide avec les pertes de YOLOv4; 8 à 10 fois plus léger que yolov4</translation>
    </message>
    <message>
        <source>small and fast; every Darknet knows it, also Debian's on a CPU</source>
        <translation>petit et rapide; chaque Darknet le connaît, même celui de Debian sur un processeur</translation>
    </message>
    <message>
        <source>small {name}</source>
        <translation>petites {name}</translation>
    </message>
    <message>
        <source>smallest box: {range} px</source>
        <translation>plus petite boîte : {range} px</translation>
    </message>
    <message>
        <source>smallest first</source>
        <translation>petites d’abord</translation>
    </message>
    <message>
        <source>sorted by</source>
        <translation>triées par</translation>
    </message>
    <message>
        <source>split: {split}</source>
        <translation>partie : {split}</translation>
    </message>
    <message>
        <source>splitting</source>
        <translation>répartition</translation>
    </message>
    <message>
        <source>steps are two rising iterations with a comma between them, as 4800,5400.</source>
        <translation>steps sont deux itérations croissantes séparées par une virgule, comme 4800,5400.</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>arrêté</translation>
    </message>
    <message>
        <source>stopped {where}; {kept}</source>
        <translation>arrêté {where}; {kept}</translation>
    </message>
    <message>
        <source>surest first</source>
        <translation>plus sûres d’abord</translation>
    </message>
    <message>
        <source>take over {what}</source>
        <translation>reprendre {what}</translation>
    </message>
    <message>
        <source>target</source>
        <translation>cible</translation>
    </message>
    <message>
        <source>the file is empty.</source>
        <translation>le fichier est vide.</translation>
    </message>
    <message>
        <source>the flag {flag}</source>
        <translation>la marque {flag}</translation>
    </message>
    <message>
        <source>the label file is missing here; the set that this was made from has it.</source>
        <translation>le fichier d’étiquettes manque ici ; l’ensemble d’origine l’a.</translation>
    </message>
    <message>
        <source>the label file is missing.</source>
        <translation>le fichier d’étiquettes manque.</translation>
    </message>
    <message>
        <source>the layer before a {layer} has {filters} filters; {classes} classes need {wanted}.</source>
        <translation>la couche avant un {layer} a {filters} filtres ; {classes} classes en demandent {wanted}.</translation>
    </message>
    <message>
        <source>the most accurate of the study: three detection layers, for a GPU</source>
        <translation>le plus précis de l’étude : trois couches de détection, pour une carte graphique</translation>
    </message>
    <message>
        <source>the names file has {count} names, the network is for {classes} classes.</source>
        <translation>le fichier de noms a {count} noms, le réseau est pour {classes} classes.</translation>
    </message>
    <message>
        <source>the picture cannot be read</source>
        <translation>l’image ne peut être lue</translation>
    </message>
    <message>
        <source>the picture is cut short.</source>
        <translation>l’image est tronquée.</translation>
    </message>
    <message>
        <source>the picture is in no split.</source>
        <translation>l’image n’est dans aucune partie.</translation>
    </message>
    <message>
        <source>the picture is missing here; the set that this was made from has it.</source>
        <translation>l’image manque ici ; l’ensemble d’origine l’a.</translation>
    </message>
    <message>
        <source>the picture's size</source>
        <translation>la taille de l’image</translation>
    </message>
    <message>
        <source>the same as {name}</source>
        <translation>la même que {name}</translation>
    </message>
    <message>
        <source>the same of each picture</source>
        <translation>autant de chaque image</translation>
    </message>
    <message>
        <source>the set has classes that this does not know: {names}.</source>
        <translation>l’ensemble a des classes inconnues ici : {names}.</translation>
    </message>
    <message>
        <source>the set that this was made from cannot be read any more: {why}</source>
        <translation>l’ensemble d’origine ne peut plus être lu : {why}</translation>
    </message>
    <message>
        <source>the split of pictures without labels</source>
        <translation>la partie des images sans étiquettes</translation>
    </message>
    <message>
        <source>the study's, noise, JPEG, shake and dark places; every second copy mirrored</source>
        <translation>celles de l’étude, bruit, JPEG, bougé et lieux sombres; une copie sur deux en miroir</translation>
    </message>
    <message>
        <source>the training had diverged, its values are no numbers</source>
        <translation>l’entraînement avait divergé, ses valeurs ne sont pas des nombres</translation>
    </message>
    <message>
        <source>the training's weights need {needed} GB, and {free} GB are free.</source>
        <translation>les poids de l’entraînement demandent {needed} Go, et {free} Go sont libres.</translation>
    </message>
    <message>
        <source>the weights file is cut short.</source>
        <translation>le fichier de poids est tronqué.</translation>
    </message>
    <message>
        <source>the weights file is cut short: it holds no weights.</source>
        <translation>le fichier de poids est tronqué : il ne contient aucun poids.</translation>
    </message>
    <message>
        <source>the weights file is empty.</source>
        <translation>le fichier de poids est vide.</translation>
    </message>
    <message numerus="yes">
        <source>their label files have {n} boxes</source>
        <translation>
            <numerusform>son fichier d’étiquettes a {n} boîte</numerusform>
            <numerusform>leurs fichiers d’étiquettes ont {n} boîtes</numerusform>
        </translation>
    </message>
    <message>
        <source>there is a GPU ({gpu}), and this Darknet is built for the CPU, which is slower by some 50 times.</source>
        <translation>il y a une carte graphique ({gpu}), et ce Darknet est compilé pour le processeur, environ 50 fois plus lent.</translation>
    </message>
    <message>
        <source>there is no Darknet there{source}.</source>
        <translation>il n’y a pas de Darknet à cet endroit{source}.</translation>
    </message>
    <message>
        <source>there is no picture in {split}.</source>
        <translation>il n’y a aucune image dans {split}.</translation>
    </message>
    <message>
        <source>there is no picture to train on.</source>
        <translation>il n’y a aucune image pour l’entraînement.</translation>
    </message>
    <message>
        <source>there is no such file.</source>
        <translation>ce fichier n’existe pas.</translation>
    </message>
    <message>
        <source>things move, colours stay</source>
        <translation>les choses bougent, les couleurs restent</translation>
    </message>
    <message>
        <source>this Darknet is built for the GPU and cannot use it: {error}.</source>
        <translation>ce Darknet est compilé pour la carte graphique et ne peut pas l’utiliser : {error}.</translation>
    </message>
    <message>
        <source>this Darknet is built for the GPU, and CUDA_VISIBLE_DEVICES hides every one from it.</source>
        <translation>ce Darknet est compilé pour la carte graphique, et CUDA_VISIBLE_DEVICES les lui cache toutes.</translation>
    </message>
    <message>
        <source>this Darknet is built for the GPU, and nvidia-smi finds none: {error}.</source>
        <translation>ce Darknet est compilé pour la carte graphique, et nvidia-smi n’en trouve aucune : {error}.</translation>
    </message>
    <message>
        <source>this Darknet is built for the GPU, and there is no nvidia-smi to ask whether one is here.</source>
        <translation>ce Darknet est compilé pour la carte graphique, et il n’y a pas de nvidia-smi pour demander s’il y en a une.</translation>
    </message>
    <message>
        <source>this Darknet is built with CUDA {built}, and CUDA {installed} is installed now.</source>
        <translation>ce Darknet est compilé avec CUDA {built}, et c’est CUDA {installed} qui est installé maintenant.</translation>
    </message>
    <message>
        <source>this Darknet is built with CUDA {built}, and driver {driver} can do {most} at most.</source>
        <translation>ce Darknet est compilé avec CUDA {built}, et le pilote {driver} va au plus à {most}.</translation>
    </message>
    <message>
        <source>this Darknet is built without cuDNN: it takes about twice the time.</source>
        <translation>ce Darknet est compilé sans cuDNN : il prend environ deux fois plus de temps.</translation>
    </message>
    <message>
        <source>this Darknet is compiled with -Ofast, which leaves out its checks for NaN: on a CPU most trainings of such builds end in NaN with sound pictures.</source>
        <translation>ce Darknet est compilé avec -Ofast, qui omet ses contrôles de NaN : sur un processeur, la plupart des entraînements ainsi finissent en NaN avec des images saines.</translation>
    </message>
    <message>
        <source>this Darknet would look for its label at {path}.</source>
        <translation>ce Darknet chercherait ses étiquettes dans {path}.</translation>
    </message>
    <message>
        <source>three mild ones of ten, for many copies of few pictures</source>
        <translation>trois douces sur dix, pour beaucoup de copies de peu d’images</translation>
    </message>
    <message>
        <source>three of all operations, to look at</source>
        <translation>trois de toutes les opérations, à regarder</translation>
    </message>
    <message>
        <source>to</source>
        <translation>à</translation>
    </message>
    <message>
        <source>to be fetched</source>
        <translation>à télécharger</translation>
    </message>
    <message>
        <source>to fetch</source>
        <translation>à télécharger</translation>
    </message>
    <message>
        <source>trained on {count} pictures</source>
        <translation>entraîné sur {count} images</translation>
    </message>
    <message>
        <source>training boxes</source>
        <translation>boîtes d’entraînement</translation>
    </message>
    <message>
        <source>translate</source>
        <translation>translation</translation>
    </message>
    <message>
        <source>truncated</source>
        <translation>tronqué</translation>
    </message>
    <message>
        <source>two clicks</source>
        <translation>deux clics</translation>
    </message>
    <message>
        <source>two of blur, exposure, brightness, rotation, shear (the default)</source>
        <translation>deux de flou, exposition, luminosité, rotation, cisaillement (par défaut)</translation>
    </message>
    <message>
        <source>unlike its class first</source>
        <translation>moins semblables à leur classe d’abord</translation>
    </message>
    <message>
        <source>unlikeness {value} (1: as near to another class as to its own)</source>
        <translation>dissemblance {value} (1 : aussi près d’une autre classe que de la sienne)</translation>
    </message>
    <message>
        <source>up</source>
        <translation>haut</translation>
    </message>
    <message>
        <source>w</source>
        <translation>l</translation>
    </message>
    <message>
        <source>waits, number {place}</source>
        <translation>attend, numéro {place}</translation>
    </message>
    <message>
        <source>was trained on other classes and knows none of this set: all but the last layers are taken, those begin at random.</source>
        <translation>a été entraîné sur d’autres classes et n’en connaît aucune de ce jeu : toutes les couches sauf les dernières sont reprises, celles-ci commencent au hasard.</translation>
    </message>
    <message>
        <source>was trained on other classes: {names} goes on from what it knows.</source>
        <translation>a été entraîné sur d’autres classes : {names} part de ce qu’il sait.</translation>
    </message>
    <message>
        <source>was trained on other classes: {names} goes on from what it knows; {new} begins at random.</source>
        <translation>a été entraîné sur d’autres classes : {names} part de ce qu’il sait ; {new} commence au hasard.</translation>
    </message>
    <message>
        <source>was trained on other classes: {names} goes on from what it knows; {new} begins at random; {old} is left out.</source>
        <translation>a été entraîné sur d’autres classes : {names} part de ce qu’il sait ; {new} commence au hasard ; {old} est laissé de côté.</translation>
    </message>
    <message>
        <source>was trained on other classes: {names} goes on from what it knows; {old} is left out.</source>
        <translation>a été entraîné sur d’autres classes : {names} part de ce qu’il sait ; {old} est laissé de côté.</translation>
    </message>
    <message>
        <source>was {label}</source>
        <translation>était {label}</translation>
    </message>
    <message>
        <source>weights</source>
        <translation>poids</translation>
    </message>
    <message>
        <source>weights to start from</source>
        <translation>poids de départ</translation>
    </message>
    <message>
        <source>width of a box, in pixels of the network</source>
        <translation>largeur d’une boîte, en pixels du réseau</translation>
    </message>
    <message>
        <source>with Darknet</source>
        <translation>avec Darknet</translation>
    </message>
    <message>
        <source>with OpenCV</source>
        <translation>avec OpenCV</translation>
    </message>
    <message>
        <source>with boxes</source>
        <translation>avec boîtes</translation>
    </message>
    <message>
        <source>with exit code {code}</source>
        <translation>avec le code de sortie {code}</translation>
    </message>
    <message>
        <source>with findings</source>
        <translation>avec anomalies</translation>
    </message>
    <message>
        <source>with this graphics card</source>
        <translation>avec cette carte graphique</translation>
    </message>
    <message>
        <source>worse</source>
        <translation>moins bien</translation>
    </message>
    <message>
        <source>writing labels</source>
        <translation>écriture des étiquettes</translation>
    </message>
    <message>
        <source>wrong class</source>
        <translation>mauvaise classe</translation>
    </message>
    <message>
        <source>x</source>
        <translation>x</translation>
    </message>
    <message>
        <source>y</source>
        <translation>y</translation>
    </message>
    <message>
        <source>yes</source>
        <translation>oui</translation>
    </message>
    <message>
        <source>yolov3 that sees more of the surroundings (spatial pyramid); a little more accurate</source>
        <translation>yolov3 qui voit plus des alentours (pyramide spatiale); un peu plus précis</translation>
    </message>
    <message>
        <source>yolov4 as the study trained it: 416 px, batch 64 in 16, 6400 iterations, steps 4800 and 5400</source>
        <translation>yolov4 comme l’étude l’a entraîné : 416 px, lot de 64 en 16, 6400 itérations, paliers à 4800 et 5400</translation>
    </message>
    <message>
        <source>yolov4 at 320, 416, 512 and 608 px: 100, 82, 69 and 53 pictures a second, yolov4-tiny 443 (AlexeyAB's table)</source>
        <translation>yolov4 à 320, 416, 512 et 608 px : 100, 82, 69 et 53 images par seconde, yolov4-tiny 443 (tableau d’AlexeyAB)</translation>
    </message>
    <message>
        <source>yolov4 at 320, 416, 512 and 608 px: 123, 96, 83 and 62 pictures a second (its authors)</source>
        <translation>yolov4 à 320, 416, 512 et 608 px : 123, 96, 83 et 62 images par seconde (ses auteurs)</translation>
    </message>
    <message>
        <source>yolov4 at 320, 416, 512 and 608 px: 63, 55, 45 and 34 pictures a second (AlexeyAB's table)</source>
        <translation>yolov4 à 320, 416, 512 et 608 px : 63, 55, 45 et 34 images par seconde (tableau d’AlexeyAB)</translation>
    </message>
    <message>
        <source>yolov4 at 416 px: 33 ms (the study)</source>
        <translation>yolov4 à 416 px : 33 ms (l’étude)</translation>
    </message>
    <message>
        <source>yolov4 at 416 px: 5.2 pictures a second, reckoned by the study from the K80's speed and both peaks</source>
        <translation>yolov4 à 416 px : 5,2 images par seconde, calculé par l’étude d’après la vitesse de la K80 et les deux valeurs de pointe</translation>
    </message>
    <message>
        <source>yolov4-tiny at 416 px: 25 pictures a second (a report that the study quotes)</source>
        <translation>yolov4-tiny à 416 px : 25 images par seconde (un rapport que l’étude cite)</translation>
    </message>
    <message>
        <source>yolov4-tiny at 416 px: 3.4 pictures a second on 4 cores (AlexeyAB's table)</source>
        <translation>yolov4-tiny à 416 px : 3,4 images par seconde sur 4 cœurs (tableau d’AlexeyAB)</translation>
    </message>
    <message>
        <source>yolov4-tiny at 416 px: 42 pictures a second on 4 cores (AlexeyAB's table)</source>
        <translation>yolov4-tiny à 416 px : 42 images par seconde sur 4 cœurs (tableau d’AlexeyAB)</translation>
    </message>
    <message>
        <source>yolov4-tiny with a third detection layer for small objects; little slower</source>
        <translation>yolov4-tiny avec une troisième couche de détection pour les petits objets; à peine plus lent</translation>
    </message>
    <message>
        <source>your own network</source>
        <translation>votre propre réseau</translation>
    </message>
    <message>
        <source>{all}: accept all new ones, {one}: the selected one</source>
        <translation>{all} : accepter toutes les nouvelles, {one} : celle sélectionnée</translation>
    </message>
    <message>
        <source>{before} → {after}</source>
        <translation>{before} → {after}</translation>
    </message>
    <message>
        <source>{boxes} go with them, and {size} are freed. This cannot be undone.</source>
        <translation>{boxes} s’en vont avec elles, et {size} sont libérés. C’est irréversible.</translation>
    </message>
    <message>
        <source>{boxes} in {pictures}</source>
        <translation>{boxes} sur {pictures}</translation>
    </message>
    <message>
        <source>{boxes} on {pictures}: what is shown now, with a confidence from {percent} % on.</source>
        <translation>{boxes} sur {pictures} : ce qui est montré maintenant, à partir d’une confiance de {percent} %.</translation>
    </message>
    <message>
        <source>{copies} beside {pictures}: train.txt lists {total} now.</source>
        <translation>{copies} à côté de {pictures} : train.txt en liste maintenant {total}.</translation>
    </message>
    <message>
        <source>{copies} of {pictures}</source>
        <translation>{copies} de {pictures}</translation>
    </message>
    <message>
        <source>{copies} of {pictures}, at most {most} of one</source>
        <translation>{copies} de {pictures}, au plus {most} d’une même</translation>
    </message>
    <message>
        <source>{copies}, and {boxes}</source>
        <translation>{copies}, et {boxes}</translation>
    </message>
    <message numerus="yes">
        <source>{count} boxes</source>
        <translation>
            <numerusform>{count} boîte</numerusform>
            <numerusform>{count} boîtes</numerusform>
        </translation>
    </message>
    <message>
        <source>{count} more boxes cannot be read.</source>
        <translation>{count} autres boîtes sont illisibles.</translation>
    </message>
    <message>
        <source>{count} more classes are below their target.</source>
        <translation>{count} autres classes sont sous leur cible.</translation>
    </message>
    <message>
        <source>{count} pictures are left out: one of the runs was trained on them, which would flatter it.</source>
        <translation>{count} images sont laissées de côté : l’un des entraînements les a apprises, ce qui le flatterait.</translation>
    </message>
    <message>
        <source>{count} pictures are missing: {names}.</source>
        <translation>il manque {count} images : {names}.</translation>
    </message>
    <message>
        <source>{count} pictures tell small differences from chance badly.</source>
        <translation>{count} images distinguent mal une petite différence du hasard.</translation>
    </message>
    <message>
        <source>{darknet} counts the same, to the last digit that it prints: {values}.</source>
        <translation>{darknet} compte la même chose, jusqu’au dernier chiffre qu’il affiche : {values}.</translation>
    </message>
    <message>
        <source>{darknet} counts {values}; where that is not ours:</source>
        <translation>{darknet} compte {values} ; là où ce n’est pas notre chiffre :</translation>
    </message>
    <message>
        <source>{darknet} does not know it.</source>
        <translation>{darknet} ne la connaît pas.</translation>
    </message>
    <message>
        <source>{darknet}, for the CPU, with OpenCV, {path}</source>
        <translation>{darknet}, pour le processeur, avec OpenCV, {path}</translation>
    </message>
    <message>
        <source>{darknet}, for the CPU, without OpenCV, {path}</source>
        <translation>{darknet}, pour le processeur, sans OpenCV, {path}</translation>
    </message>
    <message>
        <source>{darknet}, for the CPU, {path}</source>
        <translation>{darknet}, pour le processeur, {path}</translation>
    </message>
    <message>
        <source>{darknet}, for the GPU, with OpenCV, {path}</source>
        <translation>{darknet}, pour le GPU, avec OpenCV, {path}</translation>
    </message>
    <message>
        <source>{darknet}, for the GPU, without OpenCV, {path}</source>
        <translation>{darknet}, pour le GPU, sans OpenCV, {path}</translation>
    </message>
    <message>
        <source>{darknet}, for the GPU, {path}</source>
        <translation>{darknet}, pour le GPU, {path}</translation>
    </message>
    <message>
        <source>{done} of {total}</source>
        <translation>{done} sur {total}</translation>
    </message>
    <message>
        <source>{done} of {total} reviewed</source>
        <translation>{done} sur {total} vérifiées</translation>
    </message>
    <message>
        <source>{engine}: {ms} ms a picture (median {median}, 95 % within {p95}), {fps} a second, on {device}</source>
        <translation>{engine} : {ms} ms par image (médiane {median}, 95 % en {p95} au plus), {fps} par seconde, sur {device}</translation>
    </message>
    <message>
        <source>{entry} has a path of {bytes} bytes: a Darknet reads 255 where it is asked for one picture.</source>
        <translation>{entry} a un chemin de {bytes} octets : un Darknet en lit 255 quand on l’interroge sur une image.</translation>
    </message>
    <message>
        <source>{file} could not be saved: the disk was full.</source>
        <translation>{file} n’a pas pu être enregistré : le disque était plein.</translation>
    </message>
    <message>
        <source>{file} could not be saved: the disk was full. {other} is the same, and was copied.</source>
        <translation>{file} n’a pas pu être enregistré : le disque était plein. {other} a le même contenu et a été copié.</translation>
    </message>
    <message>
        <source>{file} of iteration {iteration} could not be saved: the disk is full ({written} of {size} were written; iteration {saved} is saved).</source>
        <translation>{file} de l’itération {iteration} n’a pas pu être enregistré : le disque est plein ({written} écrits sur {size} ; l’itération {saved} est enregistrée).</translation>
    </message>
    <message>
        <source>{file} of iteration {iteration} could not be saved: the disk is full ({written} of {size} were written; nothing else is saved).</source>
        <translation>{file} de l’itération {iteration} n’a pas pu être enregistré : le disque est plein ({written} écrits sur {size} ; rien d’autre n’est enregistré).</translation>
    </message>
    <message>
        <source>{findings} selected.</source>
        <translation>{findings} sélectionnées.</translation>
    </message>
    <message>
        <source>{findings}.</source>
        <translation>{findings}.</translation>
    </message>
    <message>
        <source>{findings}. Comparing the pictures…</source>
        <translation>{findings}. Comparaison des images…</translation>
    </message>
    <message>
        <source>{first} and {second}</source>
        <translation>{first} et {second}</translation>
    </message>
    <message>
        <source>{first} and {second}: {pictures}, {percent} % of those with {first}</source>
        <translation>{first} et {second} : {pictures}, {percent} % de celles avec {first}</translation>
    </message>
    <message>
        <source>{folder} is read-only: you can look, but changes cannot be saved here. Copy the set to a folder of your own to edit it.</source>
        <translation>{folder} est en lecture seule : vous pouvez regarder, mais rien ne peut y être enregistré. Copiez le jeu dans un de vos dossiers pour le modifier.</translation>
    </message>
    <message>
        <source>{folder} was made before this change: make it again on the Split page.</source>
        <translation>{folder} a été fait avant ce changement : refaites-le à la page Répartition.</translation>
    </message>
    <message>
        <source>{format} has no place for it</source>
        <translation>{format} n’a pas de place pour cela</translation>
    </message>
    <message>
        <source>{fps} pictures a second measured with {run} at {width} × {height}, on {machine}</source>
        <translation>{fps} images par seconde mesurées avec {run} en {width} × {height}, sur {machine}</translation>
    </message>
    <message>
        <source>{free} GB free, up to {needed} GB needed</source>
        <translation>{free} Go libres, jusqu’à {needed} Go nécessaires</translation>
    </message>
    <message>
        <source>{free} free in {folder}</source>
        <translation>{free} libres dans {folder}</translation>
    </message>
    <message>
        <source>{gone} shown here do not fit the filter any more, {new} others do now</source>
        <translation>{gone} affichées ici ne correspondent plus au filtre, {new} autres y correspondent</translation>
    </message>
    <message>
        <source>{gpus} (not used)</source>
        <translation>{gpus} (pas utilisé)</translation>
    </message>
    <message>
        <source>{image} ({split}) is of the same group as {other} ({where}).</source>
        <translation>{image} ({split}) est du même groupe que {other} ({where}).</translation>
    </message>
    <message>
        <source>{key} always stops and closes, and is given to nothing else.</source>
        <translation>{key} arrête et ferme toujours, et ne se donne à rien d’autre.</translation>
    </message>
    <message>
        <source>{key} belongs to “{action}”: take it away there first.</source>
        <translation>{key} appartient à « {action} » : enlevez-la d’abord là.</translation>
    </message>
    <message>
        <source>{key} shows the predictions of a network</source>
        <translation>{key} affiche les prédictions d’un réseau</translation>
    </message>
    <message>
        <source>{kind}: {names}</source>
        <translation>{kind} : {names}</translation>
    </message>
    <message>
        <source>{labelled} of them have labels ({formats}); they are written as {own}.</source>
        <translation>{labelled} d’entre elles ont des étiquettes ({formats}); elles sont écrites en {own}.</translation>
    </message>
    <message>
        <source>{label}, {width} × {height} px</source>
        <translation>{label}, {width} × {height} px</translation>
    </message>
    <message>
        <source>{layers} · {bflops:.2f} BFLOPs a picture · {parameters:,} parameters ({size:.0f} MB)</source>
        <translation>{layers} · {bflops:.2f} BFLOPs par image · {parameters:,} paramètres ({size:.0f} Mo)</translation>
    </message>
    <message>
        <source>{layers}; the last ones begin at random, as it knows none of the classes.</source>
        <translation>{layers} ; les dernières partent du hasard, car il ne connaît aucune des classes.</translation>
    </message>
    <message>
        <source>{layers}; the rest begins at random: it learns the classes of this set anew.</source>
        <translation>{layers} ; le reste part du hasard : il apprend à neuf les classes de ce jeu.</translation>
    </message>
    <message>
        <source>{load} % busy</source>
        <translation>occupée à {load} %</translation>
    </message>
    <message>
        <source>{low} to {high}</source>
        <translation>{low} à {high}</translation>
    </message>
    <message>
        <source>{low} to {high} %</source>
        <translation>{low} à {high} %</translation>
    </message>
    <message>
        <source>{missed} of {what} that are smaller than {side} pixels to the network are not found, of larger ones {usual} %. Train with a larger input, {wanted} pixels.</source>
        <translation>{missed} sur {what} de moins de {side} pixels pour le réseau ne sont pas trouvées, {usual} % des plus grandes. Entraînez avec une entrée plus grande, {wanted} pixels.</translation>
    </message>
    <message>
        <source>{more} and {fewer}: more or fewer predictions</source>
        <translation>{more} et {fewer} : plus ou moins de prédictions</translation>
    </message>
    <message numerus="yes">
        <source>{names} and {n} more</source>
        <translation>
            <numerusform>{names} et {n} de plus</numerusform>
            <numerusform>{names} et {n} de plus</numerusform>
        </translation>
    </message>
    <message>
        <source>{names} differ only in case, blanks or hyphens: merge them?</source>
        <translation>{names} ne diffèrent que par la casse, les espaces ou les traits d’union : les fusionner?</translation>
    </message>
    <message>
        <source>{name} box at {place} has its edges swapped.</source>
        <translation>la boîte {name} en {place} a ses bords inversés.</translation>
    </message>
    <message>
        <source>{name} box at {place} has no area.</source>
        <translation>la boîte {name} en {place} n’a pas de surface.</translation>
    </message>
    <message>
        <source>{name} box at {place} is only {size} px at the network's {network}.</source>
        <translation>la boîte {name} en {place} n’a que {size} px à la taille {network} du réseau.</translation>
    </message>
    <message>
        <source>{name} box at {place} is only {size} px.</source>
        <translation>la boîte {name} en {place} n’a que {size} px.</translation>
    </message>
    <message>
        <source>{name} box at {place} is {times} times as long as wide.</source>
        <translation>la boîte {name} en {place} est {times} fois plus longue que large.</translation>
    </message>
    <message>
        <source>{name} box at {place} lies outside the {size} picture.</source>
        <translation>la boîte {name} en {place} est hors de l’image de {size}.</translation>
    </message>
    <message>
        <source>{name} box at {place} passes the edge of the {size} picture by {over} px.</source>
        <translation>la boîte {name} en {place} dépasse de {over} px le bord de l’image de {size}.</translation>
    </message>
    <message>
        <source>{name} box {later} lies almost on {other} box {first} (IoU {value}).</source>
        <translation>la boîte {name} {later} est presque sur la boîte {other} {first} (IoU {value}).</translation>
    </message>
    <message>
        <source>{name} box {later} repeats box {first} (IoU {value}).</source>
        <translation>la boîte {name} {later} répète la boîte {first} (IoU {value}).</translation>
    </message>
    <message>
        <source>{name} comes to {count} of {target} boxes.</source>
        <translation>{name} atteint {count} boîtes sur {target}.</translation>
    </message>
    <message>
        <source>{name} comes to {ratio} ({count} of {target} boxes).</source>
        <translation>{name} atteint {ratio} ({count} boîtes sur {target}).</translation>
    </message>
    <message>
        <source>{name} has 1 box to train on: it will hardly be learned.</source>
        <translation>{name} n’a qu’une boîte pour l’entraînement : elle ne sera guère apprise.</translation>
    </message>
    <message>
        <source>{name} has no box in val: it counts as 0 in the mean.</source>
        <translation>{name} n’a aucune boîte dans val : elle compte pour 0 dans la moyenne.</translation>
    </message>
    <message>
        <source>{name} has no box in {split}: it counts as 0 in mAP, as Darknet counts it.</source>
        <translation>{name} n’a aucune boîte dans {split} : cette classe compte pour 0 dans le mAP, comme le fait Darknet.</translation>
    </message>
    <message>
        <source>{name} has {count} boxes already; nothing is taken away.</source>
        <translation>{name} a déjà {count} boîtes; rien n’est enlevé.</translation>
    </message>
    <message>
        <source>{name} has {count} boxes to train on: it will hardly be learned.</source>
        <translation>{name} n’a que {count} boîtes pour l’entraînement : elle ne sera guère apprise.</translation>
    </message>
    <message>
        <source>{name} is being read…</source>
        <translation>Lecture de {name}…</translation>
    </message>
    <message>
        <source>{name} is found worse than others (AP {ap} %) and has {what} to learn from; the next class that is found better has {other}: {more} more, as labels or copies, would make them equal.</source>
        <translation>{name} est moins bien trouvée que d’autres (AP {ap} %) et n’a que {what} pour apprendre ; la classe suivante mieux trouvée en a {other} : {more} de plus, étiquetées ou copiées, les mettraient à égalité.</translation>
    </message>
    <message>
        <source>{name} is here.</source>
        <translation>{name} est ici.</translation>
    </message>
    <message>
        <source>{name} is in the trash of the set. Ctrl+Z brings it back.</source>
        <translation>{name} est dans la corbeille du jeu. Ctrl+Z la ramène.</translation>
    </message>
    <message>
        <source>{name} is not found {count} times</source>
        <translation>{name} n’est pas trouvée {count} fois</translation>
    </message>
    <message>
        <source>{name} is not here yet: fetch it first.</source>
        <translation>{name} n’est pas encore ici : téléchargez-le d’abord.</translation>
    </message>
    <message>
        <source>{name} is not in the open set.</source>
        <translation>{name} n’est pas dans le jeu ouvert.</translation>
    </message>
    <message>
        <source>{name} is seen twice {count} times</source>
        <translation>{name} est vue deux fois {count} fois</translation>
    </message>
    <message>
        <source>{name} is seen where no box is {count} times</source>
        <translation>{name} est vue {count} fois où il n’y a pas de boîte</translation>
    </message>
    <message>
        <source>{name} is taken for {other} {count} times</source>
        <translation>{name} est prise pour {other} {count} fois</translation>
    </message>
    <message>
        <source>{name} not found</source>
        <translation>{name} non trouvée</translation>
    </message>
    <message>
        <source>{name} seen</source>
        <translation>{name} vue</translation>
    </message>
    <message>
        <source>{name} taken for {other}</source>
        <translation>{name} prise pour {other}</translation>
    </message>
    <message>
        <source>{name} was added to the set, with {boxes} to review. Ctrl+Z takes it out again.</source>
        <translation>{name} a été ajoutée au jeu, avec {boxes} à vérifier. Ctrl+Z la retire.</translation>
    </message>
    <message>
        <source>{name} was not opened; nothing in it was changed.</source>
        <translation>{name} n’a pas été ouvert; rien n’y a été changé.</translation>
    </message>
    <message>
        <source>{name} {share:.0f} % ({low:.0f} to {high:.0f}: {boxes})</source>
        <translation>{name} {share:.0f} % ({low:.0f} à {high:.0f} : {boxes})</translation>
    </message>
    <message>
        <source>{name}: AP at IoU 0.50 with its 95 % interval / AP at IoU 0.75</source>
        <translation>{name} : AP à un IoU de 0.50 avec son intervalle à 95 % / AP à un IoU de 0.75</translation>
    </message>
    <message>
        <source>{name}: AP@0.50 {ap:.1f} % (95 % interval {low:.0f} to {high:.0f} %: it rests on {boxes}), AP@0.75 {strict:.1f} %</source>
        <translation>{name} : AP@0.50 {ap:.1f} % (intervalle à 95 % de {low:.0f} à {high:.0f} % : il repose sur {boxes}), AP@0.75 {strict:.1f} %</translation>
    </message>
    <message>
        <source>{name}: class id {id}</source>
        <translation>{name} : numéro de classe {id}</translation>
    </message>
    <message>
        <source>{name}: class id {id}, key {key}</source>
        <translation>{name} : numéro de classe {id}, touche {key}</translation>
    </message>
    <message>
        <source>{name}: from confidence {confidence} on, recall {recall} %, precision {precision} %</source>
        <translation>{name} : dès la confiance {confidence}, rappel {recall} %, précision {precision} %</translation>
    </message>
    <message>
        <source>{name}: the AP of {value} % on {split} rests on 1 box (95 % interval {low} to {high} %).</source>
        <translation>{name} : l’AP de {value} % sur {split} repose sur 1 boîte (intervalle à 95 % : de {low} à {high} %).</translation>
    </message>
    <message>
        <source>{name}: the AP of {value} % on {split} rests on {boxes} boxes (95 % interval {low} to {high} %).</source>
        <translation>{name} : l’AP de {value} % sur {split} repose sur {boxes} boîtes (intervalle à 95 % : de {low} à {high} %).</translation>
    </message>
    <message>
        <source>{name}: {what}</source>
        <translation>{name} : {what}</translation>
    </message>
    <message>
        <source>{network} at {side} px: {time} ms a picture, measured just now</source>
        <translation>{network} à {side} px : {time} ms par image, mesuré à l’instant</translation>
    </message>
    <message>
        <source>{network}, {weights}</source>
        <translation>{network}, {weights}</translation>
    </message>
    <message>
        <source>{numbers} are not all between 0 and 1.</source>
        <translation>{numbers} ne sont pas tous entre 0 et 1.</translation>
    </message>
    <message>
        <source>{number} copies of one picture at most</source>
        <translation>{number} copies d’une même image au plus</translation>
    </message>
    <message>
        <source>{number} of {count}</source>
        <translation>{number} sur {count}</translation>
    </message>
    <message numerus="yes">
        <source>{n} augmented copies, counted apart</source>
        <translation>
            <numerusform>{n} copie augmentée, comptée à part</numerusform>
            <numerusform>{n} copies augmentées, comptées à part</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes</source>
        <translation>
            <numerusform>{n} boîte</numerusform>
            <numerusform>{n} boîtes</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes are changed.</source>
        <translation>
            <numerusform>{n} boîte est modifiée.</numerusform>
            <numerusform>{n} boîtes sont modifiées.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes are deleted.</source>
        <translation>
            <numerusform>{n} boîte est supprimée.</numerusform>
            <numerusform>{n} boîtes sont supprimées.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes are dropped, since too little is left.</source>
        <translation>
            <numerusform>{n} boîte est abandonnée, car il en reste trop peu.</numerusform>
            <numerusform>{n} boîtes sont abandonnées, car il en reste trop peu.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes are in it.</source>
        <translation>
            <numerusform>Il contient {n} bonne boîte.</numerusform>
            <numerusform>Il contient {n} boîtes.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes are left out.</source>
        <translation>
            <numerusform>{n} boîte est laissée de côté.</numerusform>
            <numerusform>{n} boîtes sont laissées de côté.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes copied</source>
        <translation>
            <numerusform>{n} boîte copiée</numerusform>
            <numerusform>{n} boîtes copiées</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes found no place to be pasted.</source>
        <translation>
            <numerusform>{n} boîte n’a pas trouvé de place où être collée.</numerusform>
            <numerusform>{n} boîtes n’ont pas trouvé de place où être collées.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes get another class; {classes}. Undo brings all back.</source>
        <translation>
            <numerusform>{n} boîte change de classe; {classes}. Annuler ramène tout.</numerusform>
            <numerusform>{n} boîtes changent de classe; {classes}. Annuler ramène tout.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes get another id.</source>
        <translation>
            <numerusform>{n} boîte change de numéro.</numerusform>
            <numerusform>{n} boîtes changent de numéro.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes have another class: {next} selects one, {accept} takes the predicted one over</source>
        <translation>
            <numerusform>{n} boîte a une autre classe : {next} la sélectionne, {accept} reprend celle qui est prédite</numerusform>
            <numerusform>{n} boîtes ont une autre classe : {next} en sélectionne une, {accept} reprend celle qui est prédite</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes not found</source>
        <translation>
            <numerusform>{n} boîte non trouvée</numerusform>
            <numerusform>{n} boîtes non trouvées</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes of classes without a tick are left out.</source>
        <translation>
            <numerusform>{n} boîte d’une classe sans coche est laissée de côté.</numerusform>
            <numerusform>{n} boîtes de classes sans coche sont laissées de côté.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} boxes selected</source>
        <translation>
            <numerusform>{n} boîte sélectionnée</numerusform>
            <numerusform>{n} boîtes sélectionnées</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} changed</source>
        <translation>
            <numerusform>{n} changée</numerusform>
            <numerusform>{n} changées</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} changed · Refresh</source>
        <translation>
            <numerusform>{n} changée · Actualiser</numerusform>
            <numerusform>{n} changées · Actualiser</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} classes go</source>
        <translation>
            <numerusform>{n} classe disparaît</numerusform>
            <numerusform>{n} classes disparaissent</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} copies</source>
        <translation>
            <numerusform>{n} copie</numerusform>
            <numerusform>{n} copies</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} copies are older than the labels of their pictures: boxes in them may be the old ones.</source>
        <translation>
            <numerusform>{n} copie est plus ancienne que les étiquettes de son image : ses boîtes sont peut-être les anciennes.</numerusform>
            <numerusform>{n} copies sont plus anciennes que les étiquettes de leurs images : leurs boîtes sont peut-être les anciennes.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} copies are taken away.</source>
        <translation>
            <numerusform>{n} copie est enlevée.</numerusform>
            <numerusform>{n} copies sont enlevées.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} copies lie in {folder}.</source>
        <translation>
            <numerusform>{n} copie est dans {folder}.</numerusform>
            <numerusform>{n} copies sont dans {folder}.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} copies made before are not counted here: those of the plan take their place.</source>
        <translation>
            <numerusform>{n} copie faite avant n’est pas comptée ici : celles du plan la remplacent.</numerusform>
            <numerusform>{n} copies faites avant ne sont pas comptées ici : celles du plan les remplacent.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} copies of each training picture</source>
        <translation>
            <numerusform>{n} copie de chaque image d’entraînement</numerusform>
            <numerusform>{n} copies de chaque image d’entraînement</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} copies of the old training set are gone: make them again.</source>
        <translation>
            <numerusform>{n} copie de l’ancien jeu d’entraînement a disparu : refaites-la.</numerusform>
            <numerusform>{n} copies de l’ancien jeu d’entraînement ont disparu : refaites-les.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} copies show the old ones: make the copies again.</source>
        <translation>
            <numerusform>{n} copie montre les anciennes : refaites les copies.</numerusform>
            <numerusform>{n} copies montrent les anciennes : refaites les copies.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} copies were deleted.</source>
        <translation>
            <numerusform>{n} copie a été supprimée.</numerusform>
            <numerusform>{n} copies ont été supprimées.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} days</source>
        <translation>
            <numerusform>{n} jour</numerusform>
            <numerusform>{n} jours</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} different operations on each copy</source>
        <translation>
            <numerusform>{n} opération par copie</numerusform>
            <numerusform>{n} opérations différentes par copie</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} errors</source>
        <translation>
            <numerusform>{n} erreur</numerusform>
            <numerusform>{n} erreurs</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} file names were made plain.</source>
        <translation>
            <numerusform>{n} nom de fichier a été simplifié.</numerusform>
            <numerusform>{n} noms de fichiers ont été simplifiés.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} files</source>
        <translation>
            <numerusform>{n} fichier</numerusform>
            <numerusform>{n} fichiers</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} findings</source>
        <translation>
            <numerusform>{n} anomalie</numerusform>
            <numerusform>{n} anomalies</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} findings cannot be mended so, and stay.</source>
        <translation>
            <numerusform>{n} anomalie ne se corrige pas ainsi, et reste.</numerusform>
            <numerusform>{n} anomalies ne se corrigent pas ainsi, et restent.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} findings could not be mended so.</source>
        <translation>
            <numerusform>{n} anomalie n’a pu être corrigée ainsi.</numerusform>
            <numerusform>{n} anomalies n’ont pu être corrigées ainsi.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} findings: what they are about was left out of the training set.</source>
        <translation>
            <numerusform>{n} anomalie : ce qu’elle concerne a été laissé hors du jeu d’entraînement.</numerusform>
            <numerusform>{n} anomalies : ce qu’elles concernent a été laissé hors du jeu d’entraînement.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} frames</source>
        <translation>
            <numerusform>{n} image</numerusform>
            <numerusform>{n} images</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} groups of pictures that look alike were kept together.</source>
        <translation>
            <numerusform>{n} groupe d’images semblables a été gardé ensemble.</numerusform>
            <numerusform>{n} groupes d’images semblables ont été gardés ensemble.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} have names that are taken and get a number behind them.</source>
        <translation>
            <numerusform>{n} a un nom déjà pris et reçoit un numéro à sa suite.</numerusform>
            <numerusform>{n} ont des noms déjà pris et reçoivent un numéro à leur suite.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} label files are as they were.</source>
        <translation>
            <numerusform>{n} fichier d’étiquettes est comme avant.</numerusform>
            <numerusform>{n} fichiers d’étiquettes sont comme avant.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} label files are put aside.</source>
        <translation>
            <numerusform>{n} fichier d’étiquettes est mis de côté.</numerusform>
            <numerusform>{n} fichiers d’étiquettes sont mis de côté.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} label files change.</source>
        <translation>
            <numerusform>{n} fichier d’étiquettes change.</numerusform>
            <numerusform>{n} fichiers d’étiquettes changent.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} labelled as showing nothing</source>
        <translation>
            <numerusform>{n} étiquetée comme ne montrant rien</numerusform>
            <numerusform>{n} étiquetées comme ne montrant rien</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} layers</source>
        <translation>
            <numerusform>{n} couche</numerusform>
            <numerusform>{n} couches</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} mended</source>
        <translation>
            <numerusform>{n} corrigée</numerusform>
            <numerusform>{n} corrigées</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} missed</source>
        <translation>
            <numerusform>{n} manquée</numerusform>
            <numerusform>{n} manquées</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} mistakes</source>
        <translation>
            <numerusform>{n} erreur</numerusform>
            <numerusform>{n} erreurs</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} new</source>
        <translation>
            <numerusform>{n} nouvelle</numerusform>
            <numerusform>{n} nouvelles</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} not labelled yet</source>
        <translation>
            <numerusform>{n} pas encore étiquetée</numerusform>
            <numerusform>{n} pas encore étiquetées</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} of another class</source>
        <translation>
            <numerusform>{n} d’une autre classe</numerusform>
            <numerusform>{n} d’une autre classe</numerusform>
        </translation>
    </message>
    <message>
        <source>{n} of {pictures}</source>
        <translation>{n} sur {pictures}</translation>
    </message>
    <message numerus="yes">
        <source>{n} pasted boxes</source>
        <translation>
            <numerusform>{n} boîte collée</numerusform>
            <numerusform>{n} boîtes collées</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures</source>
        <translation>
            <numerusform>{n} image</numerusform>
            <numerusform>{n} images</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures are as in the set again.</source>
        <translation>
            <numerusform>{n} image est de nouveau comme dans l’ensemble.</numerusform>
            <numerusform>{n} images sont de nouveau comme dans l’ensemble.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures are back in the set.</source>
        <translation>
            <numerusform>{n} image est de retour dans le jeu.</numerusform>
            <numerusform>{n} images sont de retour dans le jeu.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures are in another split now</source>
        <translation>
            <numerusform>{n} image est maintenant dans une autre partie</numerusform>
            <numerusform>{n} images sont maintenant dans une autre partie</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures are in the trash of the set. Ctrl+Z brings them back.</source>
        <translation>
            <numerusform>{n} image est dans la corbeille du jeu. Ctrl+Z la ramène.</numerusform>
            <numerusform>{n} images sont dans la corbeille du jeu. Ctrl+Z les ramène.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures are touched.</source>
        <translation>
            <numerusform>{n} image est touchée.</numerusform>
            <numerusform>{n} images sont touchées.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures could not be read for the samples.</source>
        <translation>
            <numerusform>{n} image n’a pu être lue pour les exemples.</numerusform>
            <numerusform>{n} images n’ont pu être lues pour les exemples.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures get an empty label file each.</source>
        <translation>
            <numerusform>{n} image reçoit un fichier d’étiquettes vide.</numerusform>
            <numerusform>{n} images reçoivent chacune un fichier d’étiquettes vide.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures go to the trash</source>
        <translation>
            <numerusform>{n} image va à la corbeille</numerusform>
            <numerusform>{n} images vont à la corbeille</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures of it are no more in the set.</source>
        <translation>
            <numerusform>{n} de ses images n’est plus dans l’ensemble.</numerusform>
            <numerusform>{n} de ses images ne sont plus dans l’ensemble.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures of the set are not in it yet.</source>
        <translation>
            <numerusform>{n} image de l’ensemble n’y est pas encore.</numerusform>
            <numerusform>{n} images de l’ensemble n’y sont pas encore.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures open</source>
        <translation>
            <numerusform>{n} image ouverte</numerusform>
            <numerusform>{n} images ouvertes</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures that are not labelled yet are left out.</source>
        <translation>
            <numerusform>{n} image qui n’est pas encore étiquetée est laissée de côté.</numerusform>
            <numerusform>{n} images qui ne sont pas encore étiquetées sont laissées de côté.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures that are wrong from there on</source>
        <translation>
            <numerusform>{n} image fausse à partir de là</numerusform>
            <numerusform>{n} images fausses à partir de là</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures to go</source>
        <translation>
            <numerusform>{n} image à faire</numerusform>
            <numerusform>{n} images à faire</numerusform>
        </translation>
    </message>
    <message>
        <source>{n} pictures were added to the Darknet data set.</source>
        <translation>{n} images ont été ajoutées au jeu de données Darknet.</translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures were added. Ctrl+Z takes them out again.</source>
        <translation>
            <numerusform>{n} image a été ajoutée. Ctrl+Z la retire.</numerusform>
            <numerusform>{n} images ont été ajoutées. Ctrl+Z les retire.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures were left out because of errors.</source>
        <translation>
            <numerusform>{n} image a été laissée de côté à cause d’une erreur.</numerusform>
            <numerusform>{n} images ont été laissées de côté à cause d’erreurs.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures were written anew as 8-bit PNG, as the network sees them.</source>
        <translation>
            <numerusform>{n} image a été réécrite en PNG de 8 bits, comme le réseau la voit.</numerusform>
            <numerusform>{n} images ont été réécrites en PNG de 8 bits, comme le réseau les voit.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures with fewer mistakes</source>
        <translation>
            <numerusform>{n} image avec moins d’erreurs</numerusform>
            <numerusform>{n} images avec moins d’erreurs</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures with more mistakes</source>
        <translation>
            <numerusform>{n} image avec plus d’erreurs</numerusform>
            <numerusform>{n} images avec plus d’erreurs</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} pictures with unsaved changes</source>
        <translation>
            <numerusform>{n} image avec des modifications non enregistrées</numerusform>
            <numerusform>{n} images avec des modifications non enregistrées</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} right</source>
        <translation>
            <numerusform>{n} juste</numerusform>
            <numerusform>{n} justes</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} runs</source>
        <translation>
            <numerusform>{n} entraînement</numerusform>
            <numerusform>{n} entraînements</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} selected</source>
        <translation>
            <numerusform>{n} sélectionnée</numerusform>
            <numerusform>{n} sélectionnées</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} training pictures</source>
        <translation>
            <numerusform>{n} image d’entraînement</numerusform>
            <numerusform>{n} images d’entraînement</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} warnings</source>
        <translation>
            <numerusform>{n} avertissement</numerusform>
            <numerusform>{n} avertissements</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} warnings: have a look; press Start once more to train all the same.</source>
        <translation>
            <numerusform>{n} avertissement : regardez-le ; appuyez encore une fois pour lancer quand même.</numerusform>
            <numerusform>{n} avertissements : regardez-les ; appuyez encore une fois pour lancer quand même.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{n} wrong</source>
        <translation>
            <numerusform>{n} fausse</numerusform>
            <numerusform>{n} fausses</numerusform>
        </translation>
    </message>
    <message>
        <source>{n} {name} found</source>
        <translation>{n} {name} trouvées</translation>
    </message>
    <message>
        <source>{n} {name} not found</source>
        <translation>{n} {name} non trouvées</translation>
    </message>
    <message>
        <source>{n} {name} seen where none is</source>
        <translation>{n} {name} vues là où il n’y en a pas</translation>
    </message>
    <message>
        <source>{n} {name} taken for {other}</source>
        <translation>{n} {name} prises pour {other}</translation>
    </message>
    <message>
        <source>{operation} on {percent} % of the copies</source>
        <translation>{operation} sur {percent} % des copies</translation>
    </message>
    <message>
        <source>{option} is 0 or 1, not {value}.</source>
        <translation>{option} est 0 ou 1, et non {value}.</translation>
    </message>
    <message>
        <source>{option} is numbers with commas between them, not {value}.</source>
        <translation>{option} est une suite de nombres séparés par des virgules, et non {value}.</translation>
    </message>
    <message>
        <source>{option} is one of {names}, not {value}.</source>
        <translation>{option} est l’un de {names}, et non {value}.</translation>
    </message>
    <message>
        <source>{option} is unusual ({usual} is common): {what}.</source>
        <translation>{option} est inhabituel ({usual} est courant) : {what}.</translation>
    </message>
    <message>
        <source>{path} is not there now. Del takes it from this list.</source>
        <translation>{path} n’est plus là. Suppr l’ôte de cette liste.</translation>
    </message>
    <message>
        <source>{path}: a layer of kind [{layer}] is not known here. {why}</source>
        <translation>{path} : une couche de type [{layer}] n’est pas connue ici. {why}</translation>
    </message>
    <message>
        <source>{path}: too large for this machine's memory.</source>
        <translation>{path} : trop grand pour la mémoire de cette machine.</translation>
    </message>
    <message>
        <source>{path}: was deleted while it was trained, or moved to another disk. Where it was moved to, it can be resumed there.</source>
        <translation>{path} : a été supprimé pendant l’entraînement, ou déplacé sur un autre disque. S’il a été déplacé, il peut être repris à son nouvel emplacement.</translation>
    </message>
    <message>
        <source>{path}: {darknet} has no layer [{layer}] and would end there. Use AlexeyAB's Darknet.</source>
        <translation>{path} : {darknet} n’a pas de couche [{layer}] et s’y arrêterait. Prenez le Darknet d’AlexeyAB.</translation>
    </message>
    <message>
        <source>{pictures} ({boxes}).</source>
        <translation>{pictures} ({boxes}).</translation>
    </message>
    <message>
        <source>{pictures} and {boxes} are in {folder}.</source>
        <translation>{pictures} et {boxes} sont dans {folder}.</translation>
    </message>
    <message>
        <source>{pictures} and {boxes} in {folder}.</source>
        <translation>{pictures} et {boxes} dans {folder}.</translation>
    </message>
    <message>
        <source>{pictures} and {boxes} will be written.</source>
        <translation>{pictures} et {boxes} seront écrites.</translation>
    </message>
    <message>
        <source>{pictures} in the set has other labels than here: they were changed after this was made.</source>
        <translation>{pictures} a dans l’ensemble d’autres étiquettes qu’ici : elles ont changé depuis.</translation>
    </message>
    <message>
        <source>{pictures} in the set have other labels than here: they were changed after this was made.</source>
        <translation>{pictures} ont dans l’ensemble d’autres étiquettes qu’ici : elles ont changé depuis.</translation>
    </message>
    <message>
        <source>{pictures} of {total} will be copied into {folder}. The originals stay where they are, and one undo takes the copies out again.</source>
        <translation>{pictures} sur {total} seront copiées dans {folder}. Les originaux restent où ils sont, et une seule annulation retire les copies.</translation>
    </message>
    <message>
        <source>{pictures}, {boxes}; at confidence {threshold}: precision {precision}, recall {recall}, F1 {f1}, average IoU {iou} %</source>
        <translation>{pictures}, {boxes}; à la confiance {threshold} : précision {precision}, rappel {recall}, F1 {f1}, IoU moyenne {iou} %</translation>
    </message>
    <message>
        <source>{pictures}, {size}. They stay here, with their boxes, until you delete them.</source>
        <translation>{pictures}, {size}. Elles restent ici, avec leurs boîtes, jusqu’à ce que vous les supprimiez.</translation>
    </message>
    <message>
        <source>{pictures}. To look at some day: {summary}.</source>
        <translation>{pictures}. À regarder un jour : {summary}.</translation>
    </message>
    <message numerus="yes">
        <source>{pictures}. {n} problems: those files or boxes are left out. The page Findings says what to do.</source>
        <translation>
            <numerusform>{pictures}. {n} problème : ce fichier ou cette boîte est laissé de côté. La page Anomalies dit quoi faire.</numerusform>
            <numerusform>{pictures}. {n} problèmes : ces fichiers ou ces boîtes sont laissés de côté. La page Anomalies dit quoi faire.</numerusform>
        </translation>
    </message>
    <message>
        <source>{picture} ({split}) is the same picture as {other} ({where}): the measure would be too good.</source>
        <translation>{picture} ({split}) est la même image que {other} ({where}) : la mesure serait trop bonne.</translation>
    </message>
    <message>
        <source>{picture} ({split}) shows nearly the same as {other} ({where}): the measure would be a little too good.</source>
        <translation>{picture} ({split}) montre presque la même chose que {other} ({where}) : la mesure serait un peu trop bonne.</translation>
    </message>
    <message>
        <source>{picture} ({split}) shows the same as {other} ({where}): the measure would be a little too good.</source>
        <translation>{picture} ({split}) montre la même chose que {other} ({where}) : la mesure serait un peu trop bonne.</translation>
    </message>
    <message>
        <source>{picture} has a blank or a character that must not reach Darknet.</source>
        <translation>{picture} a un espace ou un caractère qui ne doit pas parvenir à Darknet.</translation>
    </message>
    <message>
        <source>{picture} is in {first} and in {second}: the measure would be too good.</source>
        <translation>{picture} est dans {first} et dans {second} : la mesure serait trop bonne.</translation>
    </message>
    <message>
        <source>{picture} stands {count} times in {list}.txt.</source>
        <translation>{picture} figure {count} fois dans {list}.txt.</translation>
    </message>
    <message>
        <source>{picture}: labels changed (Ctrl+Z takes it back)</source>
        <translation>{picture} : étiquettes modifiées (Ctrl+Z les ramène)</translation>
    </message>
    <message>
        <source>{rate} pictures a second</source>
        <translation>{rate} images par seconde</translation>
    </message>
    <message>
        <source>{ratio} : 1 at most</source>
        <translation>{ratio} : 1 au plus</translation>
    </message>
    <message>
        <source>{runs} in {folder}: {size}, of which {weights} are weights.</source>
        <translation>{runs} dans {folder} : {size}, dont {weights} de poids.</translation>
    </message>
    <message>
        <source>{run}: still has no room for its next weights. Free {size} on the disk of {run}.</source>
        <translation>{run} : il n’y a toujours pas de place pour les prochains poids. Libérez {size} sur le disque de {run}.</translation>
    </message>
    <message>
        <source>{shared} of the {count} pictures of {split} are in the training list: the numbers are too good.</source>
        <translation>{shared} des {count} images de {split} sont dans la liste d’entraînement : les chiffres sont trop beaux.</translation>
    </message>
    <message>
        <source>{size} GB: {parts}</source>
        <translation>{size} Go : {parts}</translation>
    </message>
    <message>
        <source>{size} are freed. This disk has no trash: it cannot be undone.</source>
        <translation>{size} sont libérés. Ce disque n’a pas de corbeille : c’est irréversible.</translation>
    </message>
    <message>
        <source>{size} of spare weights in the chosen runs.</source>
        <translation>{size} de poids superflus dans les entraînements choisis.</translation>
    </message>
    <message>
        <source>{size} to fetch</source>
        <translation>{size} à télécharger</translation>
    </message>
    <message>
        <source>{size} were deleted.</source>
        <translation>{size} ont été supprimés.</translation>
    </message>
    <message>
        <source>{size} were freed.</source>
        <translation>{size} ont été libérés.</translation>
    </message>
    <message>
        <source>{size}, {weights} weights, batch {batch}, subdivisions {parts}, {count} iterations, {classes} classes</source>
        <translation>{size}, {weights} poids, lot (batch) de {batch}, subdivisions {parts}, {count} itérations, {classes} classes</translation>
    </message>
    <message>
        <source>{size}. In the system's trash they still take that room until it is emptied; deleting for good frees it now and cannot be undone.</source>
        <translation>{size}. Dans la corbeille du système, ils prennent encore cette place jusqu’à ce qu’on la vide; supprimer à jamais la libère maintenant, et c’est irréversible.</translation>
    </message>
    <message>
        <source>{some} and {n} more</source>
        <translation>{some} et {n} autres</translation>
    </message>
    <message>
        <source>{some} of the {what} with {name} have {count} copies, the most that is allowed.</source>
        <translation>{some} des {what} avec {name} ont {count} copies, le maximum permis.</translation>
    </message>
    <message>
        <source>{some} of {all} layers are kept</source>
        <translation>{some} couches sur {all} sont gardées</translation>
    </message>
    <message>
        <source>{speed} pictures a second</source>
        <translation>{speed} images par seconde</translation>
    </message>
    <message>
        <source>{split}
boxes (images)</source>
        <translation>{split}
boîtes (images)</translation>
    </message>
    <message>
        <source>{split} pictures</source>
        <translation>images de {split}</translation>
    </message>
    <message>
        <source>{text} boxes of {name}: write a whole number, or nothing.</source>
        <translation>{text} boîtes de {name} : écrivez un nombre entier, ou rien.</translation>
    </message>
    <message>
        <source>{text} is not class x y width height in numbers.</source>
        <translation>{text} n’est pas : classe x y largeur hauteur, en nombres.</translation>
    </message>
    <message>
        <source>{train} train, {val} val, {test} test</source>
        <translation>{train} entraînement, {val} validation, {test} test</translation>
    </message>
    <message>
        <source>{train} train, {val} val, {test} test; made from {folder}</source>
        <translation>{train} train, {val} val, {test} test ; fait à partir de {folder}</translation>
    </message>
    <message>
        <source>{train} train, {val} val, {test} test; made from {folder}, which is not here</source>
        <translation>{train} train, {val} val, {test} test ; fait à partir de {folder}, qui n’est pas ici</translation>
    </message>
    <message>
        <source>{used:.1f} of {whole:.1f} GB</source>
        <translation>{used:.1f} sur {whole:.1f} Go</translation>
    </message>
    <message>
        <source>{used} of the {all} GB of the {gpu} are taken already: the training may not find enough.</source>
        <translation>{used} des {all} Go de la {gpu} sont déjà pris : l’entraînement n’en trouvera peut-être pas assez.</translation>
    </message>
    <message>
        <source>{way}: all {number}</source>
        <translation>{way} : les {number}</translation>
    </message>
    <message>
        <source>{way}: {findings}?</source>
        <translation>{way} : {findings}?</translation>
    </message>
    <message>
        <source>{weights} holds values that are no numbers: its training diverged.</source>
        <translation>{weights} contient des valeurs qui ne sont pas des nombres : son entraînement a divergé.</translation>
    </message>
    <message>
        <source>{weights} is not here yet{size}: it would be fetched from {url}.</source>
        <translation>{weights} n’est pas encore là{size} : il serait téléchargé depuis {url}.</translation>
    </message>
    <message>
        <source>{weights}, measured on {pictures} of val in {seconds:.0f} s</source>
        <translation>{weights}, mesurés sur {pictures} de val en {seconds:.0f} s</translation>
    </message>
    <message>
        <source>{weights}, to be fetched</source>
        <translation>{weights}, à télécharger</translation>
    </message>
    <message>
        <source>{what} at {width} × {height}</source>
        <translation>{what} à {width} × {height}</translation>
    </message>
    <message>
        <source>{what} in {split}</source>
        <translation>{what} dans {split}</translation>
    </message>
    <message>
        <source>{what} of {name}</source>
        <translation>{what} de {name}</translation>
    </message>
    <message>
        <source>{what}, not split</source>
        <translation>{what}, non réparties</translation>
    </message>
    <message>
        <source>{what}: %v of %m</source>
        <translation>{what} : %v sur %m</translation>
    </message>
    <message>
        <source>{what}… about {time} left</source>
        <translation>{what}… encore environ {time}</translation>
    </message>
    <message>
        <source>{why} Free {size} on the disk of {folder}, or it will wait there.</source>
        <translation>{why} Libérez {size} sur le disque de {folder}, sinon l’entraînement y attendra.</translation>
    </message>
    <message>
        <source>{why} The training waits, so that nothing is lost. Free {size} on the disk of {folder}; it then goes on by itself, or with Go on (train-cli continue {folder}).</source>
        <translation>{why} L’entraînement attend, pour que rien ne soit perdu. Libérez {size} sur le disque de {folder} ; il continue alors de lui-même, ou avec Reprendre (train-cli continue {folder}).</translation>
    </message>
    <message>
        <source>{why} The training waits, so that nothing is lost. Free {size} on the disk of {folder}; it then goes on with Go on (train-cli continue {folder}).</source>
        <translation>{why} L’entraînement attend, pour que rien ne soit perdu. Libérez {size} sur le disque de {folder} ; il continue alors avec Reprendre (train-cli continue {folder}).</translation>
    </message>
    <message>
        <source>{why}: train on to {further} iterations.</source>
        <translation>{why} : entraînez jusqu’à {further} itérations.</translation>
    </message>
    <message>
        <source>– leave these boxes out –</source>
        <translation>– laisser ces boîtes de côté –</translation>
    </message>
    <message>
        <source>“{name}” has {amount}.</source>
        <translation>« {name} » a {amount}.</translation>
    </message>
    <message numerus="yes">
        <source>… and {n} more like these</source>
        <translation>
            <numerusform>… et {n} autre de ce genre</numerusform>
            <numerusform>… et {n} autres de ce genre</numerusform>
        </translation>
    </message>
    <message>
        <source>… {n} in all</source>
        <translation>… {n} en tout</translation>
    </message>
    <message>
        <source>⚠ The loss is nan: the training has diverged. Stop it, and lower the learning rate.</source>
        <translation>⚠ La perte est nan : l’entraînement a divergé. Arrêtez-le et baissez le taux d’apprentissage.</translation>
    </message>
    <message>
        <source>✓ mended ({kind})</source>
        <translation>✓ corrigée ({kind})</translation>
    </message>
</context>
</TS>
