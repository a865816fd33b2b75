"""Templates of what comes in English from trainings: options, their checks, what stands in the way of one."""

from __future__ import annotations

Pair = tuple[str, str]


def said(text: str) -> Pair:
    """A sentence, as a literal: the catalogue is collected from these."""
    return text, ""


def said_n(one: str, many: str) -> Pair:
    """A sentence about a number, as literals for one and for many."""
    return many, one


def templates() -> list[Pair]:
    """All of them."""
    parts = (
        _learning, _pictures, _boxes, _odd, _own, _machine, _weights, _fits, _devices, _set, _source, _sheet,
        _classes, _what_to_do, _room,
    )  # fmt: skip
    return [pair for part in parts for pair in part()]


def _room() -> list[Pair]:
    """A disk that gets full while a training runs."""
    return [
        said(
            "{why} The training waits, so that nothing is lost. Free {size} on the disk of {folder}; it "
            "then goes on by itself, or with Go on (train-cli continue {folder})."
        ),
        said(
            "{why} The training waits, so that nothing is lost. Free {size} on the disk of {folder}; it "
            "then goes on with Go on (train-cli continue {folder})."
        ),
        said("{why} Free {size} on the disk of {folder}, or it will wait there."),
        said("Saving at iteration {iteration} needs {size}, and the disk has {free} left."),
        said(
            "{file} of iteration {iteration} could not be saved: the disk is full ({written} of {size} were "
            "written; iteration {saved} is saved)."
        ),
        said(
            "{file} of iteration {iteration} could not be saved: the disk is full ({written} of {size} were "
            "written; nothing else is saved)."
        ),
        said("There is room on the disk again: the training goes on."),
        said("{file} could not be saved: the disk was full."),
        said("{file} could not be saved: the disk was full. {other} is the same, and was copied."),
        said("The run folder was moved or renamed: it is {folder} now."),
        said(
            "{path}: was deleted while it was trained, or moved to another disk. Where it was moved to, "
            "it can be resumed there."
        ),
        said("{run}: still has no room for its next weights. Free {size} on the disk of {run}."),
    ]


def _learning() -> list[Pair]:
    """Options of how a network learns."""
    return [
        said("How far the weights move in each iteration"),
        said("Iterations over which the learning rate rises to its value"),
        said("By what the learning rate is multiplied at each of the steps"),
        said("How much of the last movement goes on"),
        said("How strongly large weights are drawn to zero"),
        said("The network is asked to be a little less sure than the labels"),
        said("Pictures are changed against the network (self-adversarial training); doubles the time"),
        said("Also keep the running mean of the weights (…_ema.weights), which is often better"),
        said("Larger batches while the pictures are small; only with random=1"),
    ]


def _pictures() -> list[Pair]:
    """Options of how Darknet changes pictures."""
    return [
        said("Pictures are turned by up to so many degrees; boxes are not: leave it at 0"),
        said("Colours become up to so many times stronger or weaker"),
        said("Pictures become up to so many times brighter or darker"),
        said("Colours turn by up to this part of the circle"),
        said("Half of the pictures are mirrored"),
        said("Four pictures become one: small things and new surroundings"),
        said("Two pictures lie over one another"),
        said("Keep the pictures' proportions (grey bars); not with mosaic"),
        said("3: pictures in colour, 1: in grey; pretrained weights are for colour"),
        said("Blur of the surroundings of the boxes, in pixels"),
        said("Noise is added to pictures, up to so much of 255"),
        said("Pictures are cut and stretched by up to this part"),
        said("Change the input's size every ten iterations; slower, needs more memory"),
    ]


def _boxes() -> list[Pair]:
    """Options of how boxes are learned."""
    return [
        said("A free guess that overlaps a box more than this is not called wrong"),
        said("How the fit of a box is measured while it learns"),
        said("Weight of the boxes' fit in the loss"),
        said("Weight of the class in the loss"),
        said("Weight of whether there is something in the loss"),
        said("Anchors that overlap a box more than this learn it, too"),
        said("How far a cell's box may reach over the cell's edge"),
        said("Learn more from what is hard, less from what is easy"),
        said("Boxes of each class: the rarer a class, the more each of its boxes weighs"),
        said("Limit of what one box may move the weights"),
        said("Boxes of one picture that count, the others are left out"),
        said("Which of two boxes over one another stays"),
        said("How much the distance of the centres counts in that"),
    ]


def _odd() -> list[Pair]:
    """What is odd or wrong about options."""
    return [
        said("{darknet} does not know it."),
        said("{option} is unusual ({usual} is common): {what}."),
        said("{low} to {high} %"),
        said("random=1 lets this Darknet train at up to 608 x 608 whatever the cfg says."),
        said("counters_per_class has {count} numbers for {classes} classes."),
        said("counters_per_class needs a number from 1 for each of the {classes} classes."),
        said("mosaic=1 and letter_box=1 do not go together: Darknet refuses them."),
        said("batch={count} is small: the loss will jump about, and batch normalisation suffers."),
        said("dynamic_minibatch=1 does nothing without random=1."),
        said("{option} is one of {names}, not {value}."),
        said("{option} is 0 or 1, not {value}."),
        said("{option} is numbers with commas between them, not {value}."),
    ]


def _own() -> list[Pair]:
    """What is said of a person's own network."""
    return [
        said("hank-ai's Darknet ends at keys that it does not know; these are left out: {names}."),
        said(
            "it can be trained, but not measured or used here: {layer} (line {line}) is nothing that OpenCV "
            "does. Darknet itself measures it."
        ),
        said("{path}: a layer of kind [{layer}] is not known here. {why}"),
        said(
            "Its boxes come with an uncertainty, which nothing here reads: take [yolo] instead.",
        ),
        said("It is for pictures in their order (video), and a training set has none."),
        said("This is a network that classifies whole pictures, no detector."),
        said("{path}: {darknet} has no layer [{layer}] and would end there. Use AlexeyAB's Darknet."),
    ]


def _machine() -> list[Pair]:
    """What the machine or its Darknet cannot do."""
    return [
        said("mosaic=1 and letter_box=1 do not go together: Darknet ends at its first picture."),
        said("Set mosaic=0 or letter_box=0."),
        said("not even the smallest training ends in a night on this computer."),
        said("mosaic=1 needs a Darknet that is built with OpenCV, and this one is not."),
        said(
            "this Darknet is compiled with -Ofast, which leaves out its checks for NaN: on a CPU most "
            "trainings of such builds end in NaN with sound pictures."
        ),
        said(
            "there is a GPU ({gpu}), and this Darknet is built for the CPU, which is slower by some 50 times."
        ),
        said("this Darknet is built for the GPU, and there is no nvidia-smi to ask whether one is here."),
        said("this Darknet is built for the GPU, and nvidia-smi finds none: {error}."),
        said("this Darknet is built with CUDA {built}, and driver {driver} can do {most} at most."),
        said("this Darknet is built with CUDA {built}, and CUDA {installed} is installed now."),
        said("this Darknet is built without cuDNN: it takes about twice the time."),
        said("{used} of the {all} GB of the {gpu} are taken already: the training may not find enough."),
        said("the training's weights need {needed} GB, and {free} GB are free."),
    ]


def _weights() -> list[Pair]:
    """What is wrong with weights and cfg."""
    return [
        said("the weights file is cut short: it holds no weights."),
        said("the names file has {count} names, the network is for {classes} classes."),
        said(
            "iteration {iteration} is reached already, and max_batches is {most}: Darknet would end at once, "
            "without a word."
        ),
    ]


def _fits() -> list[Pair]:
    """How weights fit a network."""
    return [
        said(
            "holds {held} weights, the network has {wanted}: it is cut short, or of a network that shares no "
            "layers with this one."
        ),
        said("is of another network ({network}), which shares no layers with this one."),
        said("Choose {network} as the network, or other weights."),
        said("is a folder, not weights."),
        said("is no file, not weights."),
        said("is a web page, not weights."),
        said("is a pointer of Git LFS, not weights."),
        said("is an archive, or a model of another program, not weights."),
        said("is a text, not weights."),
        said("A cfg is chosen as the network; weights end in .weights, .backup or .conv.N."),
        said("Take a file."),
        said("The file itself was not fetched: run git lfs pull."),
        said("Unpack it, or take weights that a Darknet has saved."),
        said(
            "The address led to a page that asks for something: open it in a browser, and fetch the file "
            "there."
        ),
        said("its values are no numbers (NaN): the training that saved it had diverged."),
        said("Take weights from before that."),
        said("its end was never written (the power failed, or a download stopped)."),
        said("the weights file is empty."),
        said("the weights file is cut short."),
        said("is no Darknet weights file."),
        said("Take another."),
        said("holds the first {some} of the network's {all} layers; the rest starts at random."),
        said(
            "is of another network ({network}): its first {some} layers are the same and are taken; the rest "
            "of the {all} starts at random."
        ),
        said("does not say which classes it was trained on: they are taken for {names}, in this order."),
        said(
            "was trained on other classes and knows none of this set: all but the last layers are taken, "
            "those begin at random."
        ),
        said("was trained on other classes: {names} goes on from what it knows."),
        said("was trained on other classes: {names} goes on from what it knows; {new} begins at random."),
        said("was trained on other classes: {names} goes on from what it knows; {old} is left out."),
        said(
            "was trained on other classes: {names} goes on from what it knows; {new} begins at random; {old} "
            "is left out."
        ),
    ]


def _set() -> list[Pair]:
    """What is wrong with the training set."""
    return [
        said("there is no picture to train on."),
        said("no picture is kept apart for {split}: the training cannot be measured on it."),
        said("{picture} has a blank or a character that must not reach Darknet."),
        said("{picture} stands {count} times in {list}.txt."),
        said("all pictures of {second} are in {first}, too: what is measured says nothing."),
        said("{picture} is in {first} and in {second}: the measure would be too good."),
        said("is of a kind that Darknet does not read."),
        said("has {boxes} boxes; this Darknet trains on {most} of them."),
        said("the picture is cut short."),
        said("the label file is missing."),
        said("cannot be read: {error}."),
        said("{picture} ({split}) is the same picture as {other} ({where}): the measure would be too good."),
        said(
            "{picture} ({split}) shows the same as {other} ({where}): the measure would be a little too good."
        ),
        said(
            "{picture} ({split}) shows nearly the same as {other} ({where}): the measure would be a little "
            "too good."
        ),
        said("{entry} has a path of {bytes} bytes: a Darknet reads 255 where it is asked for one picture."),
        said("this Darknet would look for its label at {path}."),
        said("has {columns} columns, not class x y width height."),
        said("{text} is not class x y width height in numbers."),
        said("class id {number} is not one of 0 to {most}."),
        said("{numbers} are not all between 0 and 1."),
        said("the layer before a {layer} has {filters} filters; {classes} classes need {wanted}."),
        said("the file is empty."),
        said("there is no such file."),
        said("blank line in a list of pictures."),
    ]


def _source() -> list[Pair]:
    """What changed in the set since the training set was made from it."""
    return [
        said("the label file is missing here; the set that this was made from has it."),
        said("the picture is missing here; the set that this was made from has it."),
        said("{pictures} in the set has other labels than here: they were changed after this was made."),
        said("{pictures} in the set have other labels than here: they were changed after this was made."),
        said("the set has classes that this does not know: {names}."),
        said_n("{n} picture of the set is not in it yet.", "{n} pictures of the set are not in it yet."),
        said_n("{n} picture of it is no more in the set.", "{n} pictures of it are no more in the set."),
        said("the set that this was made from cannot be read any more: {why}"),
        said("is a copy of {picture}, which is in {split}: the measure would be too good."),
        said_n(
            "{n} copy is older than the labels of their pictures: boxes in them may be the old ones.",
            "{n} copies are older than the labels of their pictures: boxes in them may be the old ones.",
        ),
        said("{weights} is not here yet{size}: it would be fetched from {url}."),
        said("is left out: {why}."),
        said("its end is missing"),
        said("the training had diverged, its values are no numbers"),
        said("{train} train, {val} val, {test} test; made from {folder}"),
        said("{train} train, {val} val, {test} test; made from {folder}, which is not here"),
        said("{weights}, to be fetched"),
    ]


def _classes() -> list[Pair]:
    """Classes with too few boxes."""
    return [
        said("no box of {name} is in the training pictures: the network cannot learn it."),
        said("{name} has {count} boxes to train on: it will hardly be learned."),
        said("{name} has 1 box to train on: it will hardly be learned."),
        said("no box of {name} is in the validation pictures: its AP cannot be measured, and counts as 0."),
    ]


def _sheet() -> list[Pair]:
    """What was looked at, with its value."""
    return [
        said("none was found"),
        said("none: it trains on the CPU"),
        said("none: it starts at random"),
        said("{darknet}, for the CPU, with OpenCV, {path}"),
        said("{darknet}, for the CPU, without OpenCV, {path}"),
        said("{darknet}, for the GPU, with OpenCV, {path}"),
        said("{darknet}, for the GPU, without OpenCV, {path}"),
        said("{darknet}, for the CPU, {path}"),
        said("{darknet}, for the GPU, {path}"),
        said("{gpus} (not used)"),
        said(
            "{size}, {weights} weights, batch {batch}, subdivisions {parts}, {count} iterations, "
            "{classes} classes"
        ),
        said("{train} train, {val} val, {test} test"),
        said("{free} GB free, up to {needed} GB needed"),
    ]


def _what_to_do() -> list[Pair]:
    """What to do about what was found."""
    return [
        said("If it is a Darknet, allow it with chmod +x; a disk mounted with noexec runs no program."),
        said("Run it in a terminal (darknet version) to see what it waits for, or choose another."),
        said("Build Darknet anew on this machine, or choose another."),
        said("Choose the program itself: it is called darknet and lies where it was built."),
        said("Set mosaic=0, or build it with OPENCV=1."),
        said("Build it with -O3 instead of -Ofast (in its Makefile), or train yolov3-tiny."),
        said("Build it with GPU=1 (and CUDNN=1)."),
        said("Install or reload the driver (often a restart is enough), or take a Darknet for the CPU."),
        said("Install a newer driver, or build Darknet with an older CUDA."),
        said("Where it does not start, build it anew."),
        said("Build it with CUDNN=1."),
        said("End what else runs on it (nvidia-smi names it), or queue the training."),
        said("Take weights for this network (train-cli weights), or none."),
        said("Bring the classes into that order (convert-cli --classes), or start from other weights."),
        said("Free some space, or train for fewer iterations."),
        said("Allow writing there."),
        said("Make the folder."),
        said("Raise max_batches."),
        said("Split the set first: convert-cli … --split 70/15/15"),
        said("Split the set anew: convert-cli … --split 70/15/15"),
        said("Rename the picture: letters, digits, and . _ - are fine."),
        said("Take it out of one of the two in split.csv."),
        said("Put each such group into one split."),
        said("Bring it over."),
        said("Bring them over; what stands here is kept."),
        said("Make it again to train on the set as it is now."),
        said("Make it again: nothing is learned of them else."),
        said("Delete such copies, or make the copies again."),
        said("Make the copies again."),
        said("What it is, is looked at when it is here."),
        said("It goes on from iteration {iteration}."),
        said("It begins anew."),
        said("Rename it: no 'images' or 'raw' in the path, and .png or .jpg once, at the end."),
        said("A shorter name is safe."),
        said("Copy it again from its source, or remove it."),
        said("Label the picture; an empty file says that there is nothing in it."),
        said("Split the set anew."),
        said("Label some, or take the class out of the set."),
        said("Label more of them, or balance the set with copies."),
        said("Split the set anew, or label more of them."),
    ]


def _devices() -> list[Pair]:
    """Machines, and where their speeds are from; what a Darknet has no room for."""
    return [
        said("max={count}: this Darknet has room for 90 boxes of a picture only, and dies of more."),
        said("Take max=90 at most."),
        said("This computer, OpenCV"),
        said("{network} at {side} px: {time} ms a picture, measured just now"),
        said("Jetson Nano, by peak figures"),
        said("Jetson Nano, as reported"),
        said("Laptop, Core i7-7700HQ, OpenCV"),
        said("Laptop, Core i7-7700HQ, Darknet"),
        said(
            "yolov4 at 320, 416, 512 and 608 px: 123, 96, 83 and 62 pictures a second (its authors)",
        ),
        said(
            "yolov4 at 320, 416, 512 and 608 px: 100, 82, 69 and 53 pictures a second, yolov4-tiny 443 "
            "(AlexeyAB's table)"
        ),
        said("yolov4 at 320, 416, 512 and 608 px: 63, 55, 45 and 34 pictures a second (AlexeyAB's table)"),
        said("yolov4 at 416 px: 33 ms (the study)"),
        said(
            "yolov4 at 416 px: 5.2 pictures a second, reckoned by the study from the K80's speed and both "
            "peaks"
        ),
        said("yolov4-tiny at 416 px: 25 pictures a second (a report that the study quotes)"),
        said("yolov4-tiny at 416 px: 42 pictures a second on 4 cores (AlexeyAB's table)"),
        said("yolov4-tiny at 416 px: 3.4 pictures a second on 4 cores (AlexeyAB's table)"),
    ]
